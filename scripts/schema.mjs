// Writes schema/ecosystem.schema.json: the table of keys as a JSON schema, with the keys' own docs. `--print` writes to stdout.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import ts from 'typescript'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const TABLE = 'src/config/app-keys.ts'
const OUT = 'schema/ecosystem.schema.json'

/** The docs of each member of `AppKeys`, on one line. */
function readDocs() {
  const source = ts.createSourceFile(
    TABLE,
    readFileSync(TABLE, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  )
  const table = source.statements.find(
    (node) => ts.isInterfaceDeclaration(node) && node.name.text === 'AppKeys',
  )
  const entries = table.members.map((member) => {
    const [doc] = ts.getJSDocCommentsAndTags(member)
    const text = doc === undefined ? '' : ts.getTextOfJSDocComment(doc.comment)
    return [member.name.getText(source), (text ?? '').replaceAll(/\s+/g, ' ')]
  })
  return Object.fromEntries(entries)
}

async function loadGenerator() {
  const { outputFiles } = await build({
    entryPoints: ['src/config/json-schema.ts'],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
  })
  return await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`
  )
}

const { ecosystemJsonSchema } = await loadGenerator()
const text = `${JSON.stringify(ecosystemJsonSchema(readDocs()), null, 2)}\n`
if (process.argv.includes('--print')) {
  process.stdout.write(text)
} else {
  mkdirSync('schema', { recursive: true })
  writeFileSync(OUT, text)
}
