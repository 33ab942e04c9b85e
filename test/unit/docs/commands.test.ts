import { expect, test } from 'vitest'

import { writtenPart } from '../../helpers/doc-pages.ts'
import { quietProgram, renderCommands } from './render-commands.ts'

test('docs/commands.md has every command and option of the help', async () => {
  const page = writtenPart('docs/commands.md') + renderCommands(quietProgram())
  await expect(page).toMatchFileSnapshot('../../../docs/commands.md')
})
