/** One deploy: what is done here, and then host by host. */

import { spawn } from 'node:child_process'
import { basename } from 'node:path'

import type { DeployHost, DeployTarget } from '../../config/deploy-section.ts'
import { didYouMean, LbmError } from '../../contract/errors.ts'
import type { Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import type { Say } from '../output/say.ts'
import { checkPushed } from './local-repository.ts'
import { type HostRun, runOnHost, SSH_FAILED } from './run-on-host.ts'
import {
  askScript,
  BUSY,
  execScript,
  NO_SUCH_DEPLOY,
  NOT_SET_UP,
  SET_UP_ALREADY,
  setupScript,
  updateScript,
} from './scripts.ts'
import { shellQuote } from './shell-quote.ts'

export interface Deploy {
  cli: Cli
  say: Say
  target: DeployTarget
  file: string
  /** The words behind the environment. */
  what: readonly string[]
  passthrough: readonly string[]
  force?: boolean
  dryRun?: boolean
}

interface Plan {
  title: string
  script: string
  /** It changes what runs: done only with what is pushed, and with the local hook first. */
  isUpdate: boolean
}

const WORDS = [
  'setup',
  'update',
  'ref',
  'revert',
  'exec',
  'run',
  'list',
  'curr',
  'current',
  'prev',
  'previous',
]

/** @throws LbmError OPERATION_FAILED for the first host that fails; those after it are left alone */
export async function deploy(request: Deploy): Promise<void> {
  const { cli, say, target, force = false, dryRun = false } = request
  const plan = planOf(request)
  if (dryRun) {
    for (const host of target.hosts) cli.io.out(`# ${nameOf(host)}\n${plan.script}`)
    return
  }
  if (plan.isUpdate) {
    if (!force) await checkPushed(currentFolder())
    await runLocalHook(say, target.hooks['pre-deploy-local'])
  }
  say.info(`${plan.title} ${target.name}`)
  for (const host of target.hosts) {
    say.info(`on host ${nameOf(host)}`)
    const done = await runOnHost({
      target,
      host,
      script: plan.script,
      out: (line) => cli.io.out(line),
      err: (line) => cli.io.err(line),
    }).catch((error: NodeJS.ErrnoException) => {
      throw new LbmError('OPERATION_FAILED', `ssh cannot be run: ${error.message}.`, {
        cause: error,
      })
    })
    if (done.code !== 0) throw failure(request, host, done)
  }
  if (plan.isUpdate) say.info('Done.')
}

function nameOf({ host, user, port }: DeployHost): string {
  const at = user === undefined ? host : `${user}@${host}`
  return port === undefined ? at : `${at}:${port}`
}

/** @throws LbmError USAGE */
function planOf({ target, file, what, passthrough }: Deploy): Plan {
  const [word = 'update', ...rest] = what
  const update = (title: string, ref: string | { back: number }): Plan => ({
    title,
    script: updateScript(target, { ref, file: basename(file) }),
    isUpdate: true,
  })
  switch (word) {
    case 'setup':
      return { title: 'Setting up', script: setupScript(target), isUpdate: false }
    case 'update':
      return update('Deploying', target.ref)
    case 'ref':
      return update(`Deploying ${refOf(rest[0])}`, refOf(rest[0]))
    case 'revert': {
      const back = countOf(rest[0])
      return { ...update(`Going back ${back} in`, { back }), isUpdate: false }
    }
    case 'exec':
    case 'run':
      return {
        title: 'Running in',
        script: execScript(target, commandOf(rest, passthrough)),
        isUpdate: false,
      }
    case 'list':
      return { title: 'Deploys of', script: askScript(target, 'list'), isUpdate: false }
    case 'curr':
    case 'current':
      return { title: 'Current of', script: askScript(target, 'current'), isUpdate: false }
    case 'prev':
    case 'previous':
      return { title: 'Previous of', script: askScript(target, 'previous'), isUpdate: false }
    default:
      throw new LbmError('USAGE', `Deploy does not know "${word}".`, {
        hint: didYouMean(word, WORDS),
      })
  }
}

function refOf(ref: string | undefined): string {
  if (ref !== undefined && ref !== '' && !ref.startsWith('-')) return ref
  throw new LbmError(
    'USAGE',
    'A branch, tag or commit is missing: lbm deploy <environment> ref <ref>.',
  )
}

function countOf(text = '1'): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new LbmError('USAGE', `revert: expected how many deploys back, got "${text}".`)
}

/** One text is a command line; words behind `--` are words. */
function commandOf(rest: readonly string[], passthrough: readonly string[]): string {
  const command = [...rest, ...passthrough.map(shellQuote)].join(' ')
  if (command !== '') return command
  throw new LbmError('USAGE', 'A command is missing: lbm deploy <environment> exec "<command>".')
}

/** The user's own command line, in the user's own shell. */
async function runLocalHook(say: Say, command: string | undefined): Promise<void> {
  if (command === undefined) return
  say.info('pre-deploy-local')
  const child = spawn('sh', ['-c', command], { stdio: 'inherit', cwd: currentFolder() })
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) => resolve(exit ?? 1))
  })
  if (code !== 0)
    throw new LbmError(
      'OPERATION_FAILED',
      `pre-deploy-local failed (exit code ${code}); no host was touched.`,
    )
}

function failure({ target, file }: Deploy, host: DeployHost, { code, phase }: HostRun): LbmError {
  const where = nameOf(host)
  const command = `lbm deploy ${basename(file)} ${target.name}`
  const error = (message: string, hint?: string): LbmError =>
    new LbmError('OPERATION_FAILED', message, { hint })
  switch (code) {
    case NOT_SET_UP:
      return error(
        `${where} is not set up: ${target.path}/source is no repository.`,
        `${command} setup`,
      )
    case SET_UP_ALREADY:
      return error(
        `${where} is set up already: there is ${target.path}/source.`,
        `${command} deploys to it`,
      )
    case BUSY:
      return error(`Another deploy to ${where} is under way.`, 'wait until it is done')
    case NO_SUCH_DEPLOY:
      return error(`${where} has no deploy that far back.`, `${command} list`)
    case SSH_FAILED:
      if (phase === undefined)
        return error(
          `${where} cannot be reached by ssh; its words are above.`,
          `try it by hand: ssh ${where}`,
        )
      return error(`The connection to ${where} was lost in ${phase}.`)
    default: {
      const isReverted = phase === 'post-deploy-reverted'
      const step = isReverted ? 'post-deploy' : (phase ?? 'the first step')
      const after = isReverted ? '; what ran before is current again' : ''
      return error(`${step} failed on ${where} (exit code ${code})${after}.`)
    }
  }
}
