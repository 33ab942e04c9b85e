/** A measured figure, for whoever reads the run: it goes to stdout as it is. */
export function printFigure(text: string): void {
  process.stdout.write(`    ${text}\n`)
}
