import { LbmError } from '../contract/errors.ts'

/** @throws LbmError CWD_UNREADABLE when the folder was removed under the shell */
export function currentFolder(): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw new LbmError(
      'CWD_UNREADABLE',
      'The folder that this was typed in is not there any more.',
      {
        cause,
        hint: 'cd to another one',
      },
    )
  }
}
