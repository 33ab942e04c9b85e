import { join } from 'node:path'

import { isFile } from './programs.ts'

/** The first that is there is used. */
export const CONFIG_FILE_NAMES: readonly string[] = [
  ...['js', 'cjs', 'mjs', 'ts', 'cts', 'mts'].map((extension) => `ecosystem.config.${extension}`),
  ...['json', 'json5', 'yaml', 'yml'].map((extension) => `ecosystem.config.${extension}`),
  ...['json', 'json5', 'yaml', 'yml'].map((extension) => `ecosystem.${extension}`),
  ...['js', 'cjs', 'mjs', 'ts', 'json', 'yaml', 'yml'].map(
    (extension) => `lbm.config.${extension}`,
  ),
  'process.json',
  'process.yml',
  'process.yaml',
  'pm2.config.js',
  'pm2.config.cjs',
]

export function findConfigFile(folder: string): string | undefined {
  return CONFIG_FILE_NAMES.map((name) => join(folder, name)).find(isFile)
}
