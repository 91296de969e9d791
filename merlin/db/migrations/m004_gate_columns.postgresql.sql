UPDATE verdict
SET compared = arguments::json ->> 'compared',
    is_accepted = CASE WHEN arguments::json ->> 'is_accepted' IS NULL THEN 0 ELSE 1 END
WHERE arguments::json ->> 'compared' IS NOT NULL;
