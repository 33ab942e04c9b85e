/** Colours by name; the plain one costs nothing to load. */

export type Paint = (text: string) => string

export interface Palette {
  green: Paint
  red: Paint
  yellow: Paint
  blue: Paint
  cyan: Paint
  magenta: Paint
  grey: Paint
  bold: Paint
  /** For what was searched. */
  mark: Paint
}

const asIs: Paint = (text) => text

export const plainPalette: Palette = {
  green: asIs,
  red: asIs,
  yellow: asIs,
  blue: asIs,
  cyan: asIs,
  magenta: asIs,
  grey: asIs,
  bold: asIs,
  mark: asIs,
}
