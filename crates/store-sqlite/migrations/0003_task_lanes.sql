-- Each kind of work has a lane, in which the tenants take turns; the lane of a parked task is 'parked'.
ALTER TABLE tasks ADD COLUMN lane TEXT NOT NULL DEFAULT 'money';
ALTER TABLE tasks ADD COLUMN parked_at INTEGER;
ALTER TABLE tasks ADD COLUMN parked_reason TEXT;
UPDATE tasks SET lane = 'notifications' WHERE subject_kind = 'notification';
DROP INDEX tasks_due;
CREATE INDEX tasks_of_lane ON tasks (lane, tenant, due);
