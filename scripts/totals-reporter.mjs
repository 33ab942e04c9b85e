import { appendFileSync } from 'node:fs'

/**
 * Ends a run with one plain line, `N passed, N failed`, for whoever reads logs by machine.
 * A file that does not load counts as a failure, and so does an error outside of any test.
 */
export default class TotalsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0
    let failed = unhandledErrors.length
    for (const testModule of modules) {
      const before = failed
      for (const test of testModule.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed += 1
        if (state === 'failed') failed += 1
      }
      if (testModule.state() === 'failed' && failed === before) failed += 1
    }
    // At exit, to come after everything else; a teardown that fails shows in the exit code alone.
    process.once('exit', (code) => {
      const line = `${passed} passed, ${failed === 0 && code !== 0 ? 1 : failed} failed\n`
      process.stdout.write(line)
      const copy = process.env['LBM_TEST_TOTALS']
      if (copy) appendFileSync(copy, line)
    })
  }
}
