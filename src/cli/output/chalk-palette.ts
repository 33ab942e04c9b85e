import { Chalk } from 'chalk'

import type { Palette } from './palette.ts'

/** Whether there is colour is decided in `io.ts`, so chalk is not asked. */
const chalk = new Chalk({ level: 1 })

export const chalkPalette: Palette = {
  green: (text) => chalk.green(text),
  red: (text) => chalk.red(text),
  yellow: (text) => chalk.yellow(text),
  blue: (text) => chalk.blue(text),
  cyan: (text) => chalk.cyan(text),
  magenta: (text) => chalk.magenta(text),
  grey: (text) => chalk.gray(text),
  bold: (text) => chalk.bold(text),
  mark: (text) => chalk.bgYellow.black(text),
}
