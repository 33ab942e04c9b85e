export interface HangReport {
  place?: string
  file?: string
}
export interface HangReportOptions {
  app: string
  pid: number
  reportsDir: string
}
export async function takeHangReport(_: HangReportOptions): Promise<HangReport | undefined> {
  return undefined
}
