// Licences of what got bundled: their terms ask that the text travels with the copy.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const PACKAGE_DIR = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//

/**
 * @param {Iterable<string>} inputs source files that esbuild's metafiles name
 * @returns {string} Markdown, one section a package, sorted by name
 */
export function collectLicenses(inputs) {
  const dirs = new Set(Array.from(inputs, (input) => PACKAGE_DIR.exec(input)?.[1]).filter(Boolean))
  const sections = Array.from(dirs, describePackage).sort()
  const intro = 'lbm contains code of these packages. Each stays under its own licence.'
  return ['# Third-party licences', intro, ...new Set(sections)].join('\n\n') + '\n'
}

function describePackage(dir) {
  const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
  const file = readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file
    ? readFileSync(join(dir, file), 'utf8').trim()
    : 'No licence text in the package.'
  return `## ${name} ${version} (${license})\n\n${text.replace(/^/gm, '    ').replace(/ +$/gm, '')}`
}
