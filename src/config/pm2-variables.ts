/** Which variables of a process of PM2's were declared for it: PM2 keeps them in one heap with the shell's and its own. */

import { isRecord } from './kinds.ts'

/** PM2's own, and what a session of a person has. */
const NOT_DECLARED =
  /^(PM2_.*|KEYMETRICS_.*|NODE_APP_INSTANCE|NODE_CHANNEL_.*|NODE_UNIQUE_ID|unique_id|pm_id|status|km_link|vizion_running|_|SHLVL|PWD|OLDPWD|HOME|USER|LOGNAME|SHELL|MAIL|LANG|LC_.*|LS_COLORS|TERM|TERM_.*|COLORTERM|COLUMNS|LINES|TMUX.*|SSH_.*|XDG_.*|DBUS_.*|DISPLAY|EDITOR|VISUAL|PAGER|LESS.*|HOSTNAME|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_.*|SUDO_.*|npm_.*|INIT_CWD|NVM_.*|VSCODE_.*|GIT_ASKPASS)$/

export function declaredVariables(
  entry: Record<string, unknown>,
  shell: NodeJS.ProcessEnv,
): Record<string, string> {
  const env = isRecord(entry['env']) ? entry['env'] : {}
  const declared: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (NOT_DECLARED.test(name) || name === entry['instance_var']) continue
    // PM2 leaves one of the app's own name behind.
    if (name === entry['name'] && (isRecord(value) || value === '{}')) continue
    const text = isRecord(value) || Array.isArray(value) ? JSON.stringify(value) : String(value)
    if (shell[name] !== text) declared[name] = text
  }
  return declared
}
