import type { Stats } from 'node:fs'

/** What logs need of a `FileHandle`. */
export interface LogHandle {
  write(bytes: Buffer): Promise<{ bytesWritten: number }>
  writev(parts: Buffer[]): Promise<{ bytesWritten: number }>
  stat(): Promise<Stats>
  truncate(): Promise<void>
  chmod(mode: number): Promise<void>
  chown(uid: number, gid: number): Promise<void>
  close(): Promise<void>
}
