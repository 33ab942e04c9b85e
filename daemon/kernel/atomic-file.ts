/** A file that holds the old or the new content after any crash or power cut, never a mixture. */

import { type FileHandle, link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface AtomicWriteOptions {
  mode?: number
  /** Keeps the content before this one under that name. */
  backup?: string
}

/**
 * Temporary file, fsync, rename, fsync of the folder. On return the content is on the disk.
 * One writer a path: the temporary name is the path's own.
 */
export async function writeFileAtomic(
  path: string,
  text: string,
  { mode = 0o600, backup }: AtomicWriteOptions = {},
): Promise<void> {
  const temporary = `${path}.new`
  try {
    // One that an earlier process left might be somebody's link to elsewhere.
    await rm(temporary, { force: true })
    await withFile(temporary, 'wx', mode, async (file) => {
      await file.writeFile(text)
      await file.sync()
    })
    if (backup !== undefined) await keepAs(path, backup)
    await rename(temporary, path)
    await withFile(dirname(path), 'r', undefined, (folder) => folder.sync())
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined) // the first error is the one to tell
    throw error
  }
}

/** By a second link, so that `path` itself is there all the time. */
async function keepAs(path: string, backup: string): Promise<void> {
  const temporary = `${backup}.new`
  await rm(temporary, { force: true })
  try {
    await link(path, temporary)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // the first write has nothing before it
    throw error
  }
  await rename(temporary, backup)
}

async function withFile(
  path: string,
  flags: string,
  mode: number | undefined,
  use: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, mode)
  try {
    await use(file)
  } finally {
    await file.close()
  }
}
