import { setTimeout as delay } from 'node:timers/promises'

import type { Command } from 'commander'

import { didYouMean, LbmError } from '../../contract/errors.ts'
import { formatDuration } from '../../contract/units.ts'
import { askAbout, type Cli } from '../cli.ts'
import { sayFor } from '../output/say.ts'
import { parseTimeout } from '../waiting.ts'
import { fetchViews, showList } from './list.ts'

/** PM2 waits for ever. */
const REPLY_TIMEOUT_MS = 10_000
const ACTION_TRIES = 5
const ACTION_RETRY_MS = 100

export function addSend(program: Command, cli: Cli): void {
  program
    .command('send')
    .argument('<id>', 'id of the instance, or the name of an app with one instance')
    .argument('<line>', 'what it gets on its standard input, as a line')
    .description('write a line to its standard input')
    .action((id: string, line: string) => runSend(cli, id, line))
  program
    .command('trigger')
    .argument('<app>', 'id, name, namespace or all')
    .argument('<action>', 'name of the action that the app registered')
    .argument('[param]', 'what it gets with it')
    .description('run an action that the app registered')
    .option('--timeout <time>', 'how long to wait for the answers (default: 10 s)')
    .option('--json', 'print the answers as one JSON document')
    .action((app: string, action: string, param: string | undefined, options: TriggerOptions) =>
      runTrigger(cli, app, action, param, options),
    )
}

export async function runSend(cli: Cli, app: string, line: string): Promise<void> {
  const id = await idOf(cli, app)
  await askAbout(cli, [app], 'app.send', { id, line })
  await showList(cli)
}

/** @throws LbmError APP_NOT_FOUND, or USAGE when a name means several instances */
export async function idOf(cli: Cli, app: string): Promise<number> {
  const views = await fetchViews(cli)
  const named = views.filter(({ name, id }) => name === app || String(id) === app)
  const [first] = named
  if (first === undefined) throw new LbmError('APP_NOT_FOUND', `No app or instance "${app}".`)
  if (named.length === 1) return first.id
  throw new LbmError('USAGE', `${app} has ${named.length} instances; name one by its id.`, {
    hint: `ids: ${named.map(({ id }) => id).join(', ')}`,
  })
}

/** Nobody would answer to what nobody registered. @throws LbmError APP_NOT_FOUND, OPERATION_FAILED */
async function checkAction(cli: Cli, app: string, action: string): Promise<void> {
  let known = await actionsOf(cli, app)
  // An app says what it has just after it has said that it is ready.
  for (let tries = 0; tries < ACTION_TRIES && !known.includes(action); tries += 1) {
    await delay(ACTION_RETRY_MS)
    known = await actionsOf(cli, app)
  }
  if (known.includes(action)) return
  throw new LbmError('OPERATION_FAILED', `${app} has not registered an action "${action}".`, {
    hint:
      didYouMean(action, known) ??
      "apps register them by @pm2/io's action(), or an axm:action message",
  })
}

async function actionsOf(cli: Cli, app: string): Promise<string[]> {
  const { apps } = await askAbout(cli, [app], 'app.describe', { selectors: [app] })
  return apps.flatMap(({ instances }) =>
    instances.flatMap(({ axmActions }) => axmActions.map(({ action_name: name }) => name)),
  )
}

interface TriggerOptions {
  timeout?: string
  json?: boolean
}

export async function runTrigger(
  cli: Cli,
  app: string,
  action: string,
  param: string | undefined,
  { timeout, json = false }: TriggerOptions = {},
): Promise<void> {
  const timeoutMs = parseTimeout(timeout) ?? REPLY_TIMEOUT_MS
  await checkAction(cli, app, action)
  const message = param === undefined ? action : { msg: action, opts: param }
  const { replies, sent } = await askAbout(cli, [app], 'app.message', {
    selectors: [app],
    message,
    awaitReply: { action, timeoutMs },
  })
  if (json) cli.io.out(JSON.stringify({ sent, replies }, null, 2))
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  say.info(`${sent} processes have received command ${action}`)
  for (const { id, name, namespace, value } of replies)
    say.info(`[${name}:${id}:${namespace}]=${JSON.stringify(value)}`)
  if (replies.length < sent) {
    const missing = sent - replies.length
    throw new LbmError(
      'OPERATION_FAILED',
      `${missing} of ${sent} instances did not answer within ${formatDuration(timeoutMs)}.`,
      {
        hint: `"lbm describe ${app}" lists the actions that it has registered`,
      },
    )
  }
}
