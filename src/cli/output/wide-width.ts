/** Loaded only when a cell holds characters whose width is not their number. */
import stringWidth from 'string-width'

export const wideWidth = (text: string): number => stringWidth(text)
