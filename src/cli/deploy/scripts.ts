/**
 * What is done on a host, as scripts for its shell. The commands of a remote host are shell by nature; every value in
 * them is quoted, and only hooks, which are the user's own commands, are shell as they stand.
 */

import type { DeployTarget, Hook } from '../../config/deploy-section.ts'
import { quotePath, shellQuote } from './shell-quote.ts'

/** Lines that begin so tell how far the script is, and are not shown. */
export const PHASE_MARK = '\u0001lbm-phase:'
/** Exit codes for what the user can mend by another command. */
export const NOT_SET_UP = 65
export const SET_UP_ALREADY = 66
export const BUSY = 67
export const NO_SUCH_DEPLOY = 68

/** Commits that `fetch: "fast"` takes. */
const FAST_DEPTH = 5

function script(target: DeployTarget, lines: readonly (string | undefined)[]): string {
  const head = ['set -eu', `path=${quotePath(target.path)}`]
  return [...head, ...lines.filter((line) => line !== undefined)].join('\n')
}

function phase(name: string): string {
  return `printf '\\001lbm-phase:%s\\n' ${shellQuote(name)}`
}

/**
 * In a shell of its own, so that it may change folders and variables, and without what makes a script strict: `a; b`
 * has b's exit code, as it has in PM2. What it starts does not hold the lock.
 */
function hook(target: DeployTarget, name: Hook, folder: string): string | undefined {
  const command = target.hooks[name]
  return command === undefined ? undefined : inFolder(name, folder, command)
}

function inFolder(name: string, folder: string, command: string): string {
  return [
    phase(name),
    `(set +eu; exec 9>&-; cd ${folder} || exit`,
    `eval ${shellQuote(command)})`,
  ].join('\n')
}

/** `origin/main` → `main`, which is what a clone knows a branch by. */
function branchOf(ref: string): string {
  return ref.slice(ref.indexOf('/') + 1)
}

export function setupScript(target: DeployTarget): string {
  const depth = target.isFast ? `--depth ${FAST_DEPTH} --no-single-branch ` : ''
  const branch = shellQuote(branchOf(target.ref))
  return script(target, [
    `[ ! -e "$path/source/.git" ] || exit ${SET_UP_ALREADY}`,
    hook(target, 'pre-setup', '"$HOME"'),
    phase('setup'),
    'mkdir -p "$path/shared/logs" "$path/shared/pids"',
    phase('clone'),
    `git clone ${depth}--branch ${branch} -- ${shellQuote(target.repo)} "$path/source"`,
    linkScript('"$path/source"'),
    hook(target, 'post-setup', '"$path/source"'),
  ])
}

/** Whoever looks at `current` sees the old or the new one, never none. */
function linkScript(goal: string): string {
  return [
    'rm -f "$path/.current.new"',
    `ln -s ${goal} "$path/.current.new"`,
    // mv would move it into the folder that `current` leads to, without -T, which not every system has.
    `mv -fT "$path/.current.new" "$path/current" 2>/dev/null || { rm -f "$path/.current.new"; ln -sfn ${goal} "$path/current"; }`,
  ].join('\n')
}

export interface Update {
  /** undefined: the n-th deploy before this one. */
  ref: string | { back: number }
  file: string
}

export function updateScript(target: DeployTarget, { ref, file }: Update): string {
  const depth = target.isFast ? ` --depth ${FAST_DEPTH}` : ''
  const post =
    target.hooks['post-deploy'] ??
    `lbm startOrRestart ${shellQuote(file)} --env ${shellQuote(target.name)}`
  return script(target, [
    ...ready(),
    'cd "$path/source"',
    'before=$(readlink "$path/current" || true)',
    'beforeCommit=$(git rev-parse HEAD)',
    typeof ref === 'string' ? undefined : commitBack(ref.back),
    hook(target, 'pre-deploy', '"$path/source"'),
    phase('fetch'),
    `git fetch --all --tags --force${depth}`,
    typeof ref === 'string' ? commitOf(ref) : undefined,
    target.releases > 0 ? releaseScript() : resetScript(),
    phase('link'),
    linkScript('"$goal"'),
    'printf \'%s %s\\n\' "$commit" "$goal" >> "$path/.deploys"',
    ...Object.entries(target.env).map(([name, value]) => `export ${name}=${shellQuote(value)}`),
    'export SHARED="$path/shared"',
    target.revertsOnFailure
      ? revertingHook(post, target.releases > 0)
      : inFolder('post-deploy', '"$path/current"', post),
    target.releases > 0 ? pruneScript(target.releases) : undefined,
    phase('done'),
  ])
}

/** Set up, and nobody else deploys at the moment; the lock goes with this shell. */
function ready(): string[] {
  return [
    `[ -e "$path/source/.git" ] || exit ${NOT_SET_UP}`,
    'if command -v flock >/dev/null 2>&1; then',
    '  exec 9>"$path/.deploy.lock"',
    `  flock -n 9 || exit ${BUSY}`,
    'fi',
  ]
}

/** A branch means what was fetched, not what this clone once had. */
function commitOf(ref: string): string {
  return [
    `ref=${shellQuote(ref)}`,
    'if git rev-parse --verify --quiet "refs/remotes/origin/$ref^{commit}" >/dev/null; then ref="refs/remotes/origin/$ref"; fi',
    'commit=$(git rev-parse --verify "$ref^{commit}")',
  ].join('\n')
}

function commitBack(back: number): string {
  return [
    `commit=$(${deploysOf()} | tail -n ${back + 1} | head -n 1)`,
    `count=$(${deploysOf()} | wc -l)`,
    `[ "$count" -gt ${back} ] || exit ${NO_SUCH_DEPLOY}`,
  ].join('\n')
}

/** Commits, oldest first; the same one twice in a row counts once. */
function deploysOf(): string {
  return `{ cat "$path/.deploys" 2>/dev/null || true; } | cut -d ' ' -f 1 | uniq`
}

function resetScript(): string {
  return [phase('reset'), 'git reset --hard "$commit"', 'goal="$path/source"'].join('\n')
}

/** A folder a release: hard links to what `source` has, so that it costs little. */
function releaseScript(): string {
  return [
    phase('release'),
    'goal="$path/releases/$(date -u +%Y%m%d%H%M%S)-$(git rev-parse --short "$commit")"',
    'mkdir -p "$path/releases"',
    'git clone --quiet --local --no-checkout -- "$path/source" "$goal"',
    'git -C "$goal" checkout --quiet --detach "$commit"',
  ].join('\n')
}

/** Back to what ran before; the failure is told all the same. */
function revertingHook(command: string, hasReleases: boolean): string {
  return [
    'set +e',
    inFolder('post-deploy', '"$path/current"', command),
    'failed=$?',
    'set -e',
    'if [ "$failed" -ne 0 ]; then',
    phase('revert'),
    hasReleases
      ? `if [ -n "$before" ]; then\n${linkScript('"$before"')}\nfi`
      : 'git -C "$path/source" reset --hard "$beforeCommit"',
    'sed -i.bak \'$d\' "$path/.deploys" && rm -f "$path/.deploys.bak"',
    phase('post-deploy-reverted'),
    'exit "$failed"',
    'fi',
  ].join('\n')
}

/** Never what is current. */
function pruneScript(kept: number): string {
  return [
    phase('prune'),
    `ls -1 "$path/releases" | sort -r | tail -n +${kept + 1} | while IFS= read -r old; do`,
    '  [ "$path/releases/$old" = "$(readlink "$path/current")" ] || rm -rf "$path/releases/$old"',
    'done',
  ].join('\n')
}

export function execScript(target: DeployTarget, command: string): string {
  return script(target, [
    `[ -e "$path/current" ] || exit ${NOT_SET_UP}`,
    ...Object.entries(target.env).map(([name, value]) => `export ${name}=${shellQuote(value)}`),
    'export SHARED="$path/shared"',
    inFolder('exec', '"$path/current"', command),
  ])
}

export type Question = 'list' | 'current' | 'previous'

export function askScript(target: DeployTarget, question: Question): string {
  const commits = {
    list: `${deploysOf()} | tail -n 20`,
    current: `${deploysOf()} | tail -n 1`,
    previous: `${deploysOf()} | tail -n 2 | head -n 1`,
  }[question]
  return script(target, [
    `[ -e "$path/source/.git" ] || exit ${NOT_SET_UP}`,
    'cd "$path/source"',
    `${commits} | while IFS= read -r commit; do`,
    '  git --no-pager log -1 --format=\'%H %cI %s\' "$commit" 2>/dev/null || printf \'%s\\n\' "$commit"',
    'done',
  ])
}
