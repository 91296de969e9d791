-- Figures of each hour, from which trends are drawn.
CREATE TABLE hour_figure (
    hour TEXT PRIMARY KEY,
    answers BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    liked BIGINT NOT NULL,
    disliked BIGINT NOT NULL,
    failures TEXT NOT NULL,
    times TEXT NOT NULL,
    spent TEXT NOT NULL
);
CREATE INDEX rating_at ON rating (at);
