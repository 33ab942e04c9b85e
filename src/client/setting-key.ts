/** PM2's two spellings of a nested setting: `module:key` and `module.key`. */
export function settingKey(given: string): string {
  return given.includes(':') ? given : given.replace('.', ':')
}

/** `"a:b 1 c 'two words'"` as pairs. @returns undefined when a value is missing */
export function settingPairs(words: readonly string[]): Record<string, string> | undefined {
  if (words.length % 2 !== 0) return undefined
  const pairs: Record<string, string> = {}
  for (let at = 0; at < words.length; at += 2)
    pairs[settingKey(words[at] ?? '')] = words[at + 1] ?? ''
  return pairs
}
