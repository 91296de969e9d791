-- Errors of a dataset's newest commit that the commit before it has as well, recorded before
-- brought_by was: they are not its own.
WITH newest AS (
    SELECT own.id, (
        SELECT before.id FROM verdict AS before
        WHERE before.dataset = own.dataset AND before.position < own.position
        ORDER BY before.position DESC LIMIT 1
    ) AS before_id
    FROM verdict AS own
    WHERE own.position = (SELECT MAX(v.position) FROM verdict AS v WHERE v.dataset = own.dataset)
), error AS (
    SELECT verdict_id, path, line, col, rule, arguments FROM finding WHERE severity = 'error'
), other AS (
    SELECT newest.id, this.path FROM newest JOIN error AS this ON this.verdict_id = newest.id
    WHERE NOT EXISTS (
        SELECT 1 FROM error AS old WHERE old.verdict_id = newest.before_id AND old.path = this.path
        AND old.line = this.line AND old.col = this.col AND old.rule = this.rule
        AND old.arguments = this.arguments
    )
    UNION ALL
    SELECT newest.id, old.path FROM newest JOIN error AS old ON old.verdict_id = newest.before_id
    WHERE NOT EXISTS (
        SELECT 1 FROM error AS this WHERE this.verdict_id = newest.id AND this.path = old.path
        AND this.line = old.line AND this.col = old.col AND this.rule = old.rule
        AND this.arguments = old.arguments
    )
)
UPDATE finding SET brought_by = (
    SELECT before.commit_sha FROM newest JOIN verdict AS before ON before.id = newest.before_id
    WHERE newest.id = finding.verdict_id
)
WHERE severity = 'error' AND brought_by = ''
    AND EXISTS (
        SELECT 1 FROM newest WHERE newest.id = finding.verdict_id AND before_id IS NOT NULL
    )
    AND NOT EXISTS (
        SELECT 1 FROM other WHERE other.id = finding.verdict_id AND other.path = finding.path
    );
