/** HAProxy's `show stat json`. Pure. */

export interface StatRow {
  proxy: string
  server: string
  [name: string]: string | number
}

interface Field {
  field: { name: string }
  value: { value: string | number }
}

/** @returns nothing for what is no such document */
export function parseStat(text: string): StatRow[] {
  let rows: unknown
  try {
    rows = JSON.parse(text)
  } catch {
    return []
  }
  if (!Array.isArray(rows)) return []
  return (rows as Field[][]).map((fields) => {
    const row = Object.fromEntries(fields.map(({ field, value }) => [field.name, value.value]))
    return { ...row, proxy: String(row['pxname']), server: String(row['svname']) }
  })
}

export function numberOf(row: StatRow | undefined, name: string): number {
  const value = row?.[name]
  return typeof value === 'number' ? value : 0
}

/** nginx' `stub_status`. */
export function parseStubStatus(text: string): Record<string, number> {
  const counts = /^\s*(\d+) (\d+) (\d+)\s*$/m.exec(text)
  const now = /Reading: (\d+) Writing: (\d+) Waiting: (\d+)/.exec(text)
  const active = /Active connections: (\d+)/.exec(text)
  if (counts === null || now === null || active === null) return {}
  return {
    connections: Number(active[1]),
    accepted: Number(counts[1]),
    handled: Number(counts[2]),
    requests: Number(counts[3]),
    reading: Number(now[1]),
    writing: Number(now[2]),
    waiting: Number(now[3]),
  }
}
