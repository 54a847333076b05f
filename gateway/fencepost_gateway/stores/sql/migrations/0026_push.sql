-- A push token is one device's, as a web push subscription is, and is found by that device.
DROP INDEX address_device;
CREATE INDEX address_device ON address (device_id) WHERE channel IN ('push', 'web_push');
