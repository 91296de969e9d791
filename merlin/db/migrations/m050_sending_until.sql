-- Until when a message may be in transit: later its delivery is unknown, whichever process sent it.
ALTER TABLE outgoing ADD COLUMN sending_until TEXT;
