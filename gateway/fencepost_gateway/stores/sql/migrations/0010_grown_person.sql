-- Persons of the former release (a packed map of twelve fields) are written as this one keeps them;
-- ``stores/sqlite_former.py`` says what is known of their past and what is not.
UPDATE person
SET body = grown_person(
  body,
  max(
    (SELECT coalesce(max(appended_ms), 0) FROM log),
    (SELECT coalesce(max(at_ms), 0) FROM record)
  ),
  (
    SELECT json_group_array(
      json_array(purpose, value, at_ms, channel, address, clock)
      ORDER BY at_ms, purpose, channel, address
    )
    FROM consent WHERE consent.person_id = person.person_id
  ),
  (
    SELECT json_group_array(json_array(channel, ref, device_id) ORDER BY since_ms, channel, ref)
    FROM address WHERE address.person_id = person.person_id
  )
)
WHERE substr(body, 1, 1) = x'8c';
