/** Runs the steps of a job of a GitHub workflow as a runner would, on this machine. */

import { readFileSync } from 'node:fs'

import { execa } from 'execa'
import { parse } from 'yaml'

interface Step {
  name?: string
  uses?: string
  run?: string
  if?: string
}

interface Workflow {
  jobs: Record<string, { env?: Record<string, string>; steps: Step[] }>
}

export interface WorkflowRun {
  /** Of the first step that failed. */
  failed: string | undefined
  /** What each step printed, by its name; one that was skipped is absent. */
  output: Record<string, string>
}

export interface WorkflowOptions {
  file: string
  job: string
  cwd: string
  /** Wins over the workflow's own. */
  env: Record<string, string>
  /** What `uses` stands for. */
  actions: Record<string, () => void>
}

export async function runWorkflow(options: WorkflowOptions): Promise<WorkflowRun> {
  const { file, job, cwd, env, actions } = options
  const { jobs } = parse(readFileSync(file, 'utf8')) as Workflow
  const { env: own = {}, steps } = jobs[job] ?? { steps: [] }
  const result: WorkflowRun = { failed: undefined, output: {} }
  for (const { name = '', uses, run, if: condition } of steps) {
    const isWanted =
      condition === 'failure()' ? result.failed !== undefined : result.failed === undefined
    if (!isWanted) continue
    if (uses !== undefined) actions[uses]?.()
    if (run === undefined) continue
    const done = await execa('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', run], {
      cwd,
      env: { ...own, ...env },
      all: true,
      reject: false,
      timeout: 60_000,
    })
    result.output[name] = done.all
    if (done.exitCode !== 0) result.failed ??= name
  }
  return result
}
