CREATE FUNCTION ledger_stays() RETURNS trigger AS $$
    BEGIN RAISE EXCEPTION 'the ledger is only added to'; END;
    $$ LANGUAGE plpgsql;
CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_stays();
