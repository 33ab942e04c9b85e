import { existsSync } from 'node:fs'
import { join } from 'node:path'

const DIR = join(import.meta.dirname, '../../scripts/nodes')

/** The Nodes that the tests run lbm's instances on: this one, and whole ones of later majors. */
export const NODES: [string, string][] = [
  [`Node ${process.versions.node.split('.')[0]}`, process.execPath],
  ...[22, 24].map((major): [string, string] => [`Node ${major}`, join(DIR, `node${major}`)]),
].filter((entry): entry is [string, string] => existsSync(entry[1] ?? ''))
