/** Which arguments are ecosystem files. By suffix, so that `app.json-server.js` is a script. */

const FILE_SUFFIX = /(?:\.json5?|\.ya?ml|\.config\.[cm]?[jt]s)$/i

export function isConfigFileName(argument: string): boolean {
  return FILE_SUFFIX.test(argument)
}
