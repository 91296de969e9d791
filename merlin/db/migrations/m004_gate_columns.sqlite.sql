UPDATE verdict
SET compared = json_extract(arguments, '$.compared'),
    is_accepted = json_extract(arguments, '$.is_accepted') IS NOT NULL
WHERE json_extract(arguments, '$.compared') IS NOT NULL;
