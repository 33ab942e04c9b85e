import { expect, test } from 'vitest'

import { ERROR_CODES, type ErrorCode, exitCodeOf } from '../../../src/contract/errors.ts'
import { writtenPart } from '../../helpers/doc-pages.ts'

test('docs/errors.md has every error code, its meaning and its exit code', async () => {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, meaning]) => `| \`${code}\` | ${exitCodeOf(code as ErrorCode)} | ${meaning} |`,
  )
  const table = ['', '| Code | Exit code | Meaning |', '|---|---|---|', ...rows, ''].join('\n')
  await expect(writtenPart('docs/errors.md') + table).toMatchFileSnapshot('../../../docs/errors.md')
})
