/** A folder as a page of links. */

import { readdir } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'

export async function listFolder(
  response: ServerResponse,
  folder: string,
  path: string,
): Promise<void> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    const names = entries
      .filter(({ name }) => !name.startsWith('.'))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .toSorted()
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(page(decoded(path), path === '/' ? names : ['../', ...names]))
  } catch {
    response.statusCode = 404 // it is gone, or may not be read
    response.end('404\n')
  }
}

function page(title: string, names: readonly string[]): string {
  const items = names.map(
    (name) =>
      `<li><a href="./${encodeURI(name).replace(/[?#]/g, encodeURIComponent)}">${escape(name)}</a></li>`,
  )
  return `<!doctype html>
<meta charset="utf-8">
<title>${escape(title)}</title>
<h1>${escape(title)}</h1>
<ul>
${items.join('\n')}
</ul>
`
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
