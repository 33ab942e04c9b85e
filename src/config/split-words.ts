/**
 * Cuts a text into words as a shell would: at spaces, with '…' and "…" kept together and \ before a character
 * taking it literally. Nothing is expanded.
 */
export function splitWords(text: string): string[] {
  const found: string[] = []
  let word = ''
  let isOpen = false
  let quote = ''
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i)
    if (char === '\\' && quote !== "'" && i + 1 < text.length) {
      i += 1
      word += text.charAt(i)
      isOpen = true
    } else if (quote !== '') {
      if (char === quote) quote = ''
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      isOpen = true
    } else if (/\s/.test(char)) {
      if (isOpen) found.push(word)
      word = ''
      isOpen = false
    } else {
      word += char
      isOpen = true
    }
  }
  return isOpen ? [...found, word] : found
}
