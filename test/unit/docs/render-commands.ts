/** The command tree as Markdown. */

import type { Command, Option } from 'commander'

import { createProgram } from '../../../src/cli/program.ts'

/** `start`, `restart` and `reload` describe an app by the same options: they are told once. */
const APP_OPTION_GROUPS = [
  'What runs:',
  'Ready and balanced:',
  'When it ends:',
  'When files change:',
  'Output:',
]

export function renderCommands(program: Command): string {
  const groups = new Map<string, Command[]>()
  for (const command of program.commands) {
    const title = command.helpGroup()
    groups.set(title, [...(groups.get(title) ?? []), command])
  }
  const parts = [...groups].flatMap(([title, commands]) => [
    `## ${title.replace(/:$/, '')}`,
    ...commands.map((command) => renderCommand(command)),
  ])
  const start = program.commands.find((command) => command.name() === 'start')
  return [
    '',
    ...parts,
    '## Options that describe an app',
    'Of `start`, `restart` and `reload`. [ecosystem-file.md](ecosystem-file.md) has the key of each, with its default.',
    ...APP_OPTION_GROUPS.map((group) => optionTable(group, optionsIn(start, group))),
    '',
  ].join('\n\n')
}

/** The program as its user has it, printing nowhere. */
export function quietProgram(): Command {
  return createProgram({
    io: {
      out: () => undefined,
      err: () => undefined,
      write: () => undefined,
      env: {},
      isTerminal: false,
      columns: 100,
      colour: false,
    },
    passthrough: [],
    silent: false,
    miniList: false,
  })
}

/** @param parents words before its name, for a command of a command */
function renderCommand(command: Command, parents: readonly string[] = []): string {
  const aliases = command.aliases().map((alias) => `\`${alias}\``)
  const visible = command.options.filter(({ hidden }) => !hidden)
  const describesApps = visible.some((option) => isAppOption(option))
  const own = visible.filter((option) => !isAppOption(option))
  const words = [...parents, command.name()]
  const heading = '#'.repeat(2 + words.length)
  return [
    `${heading} \`lbm ${words.join(' ')}${operandsOf(command)}\``,
    `${sentence(command.description())}${aliases.length > 0 ? ` Also: ${aliases.join(', ')}.` : ''}`,
    ...argumentLines(command),
    ...(own.length > 0 ? [optionTable('Option', own)] : []),
    ...(describesApps
      ? ['And the [options that describe an app](#options-that-describe-an-app).']
      : []),
    ...examplesOf(command),
    ...command.commands.map((one) => renderCommand(one, words)),
  ].join('\n\n')
}

function operandsOf(command: Command): string {
  return command.registeredArguments
    .map((argument) => {
      const word = `${argument.name()}${argument.variadic ? '...' : ''}`
      return argument.required ? ` <${word}>` : ` [${word}]`
    })
    .join('')
}

function argumentLines(command: Command): string[] {
  const lines = command.registeredArguments
    .filter(({ description }) => description !== '')
    .map((argument) => `- \`${argument.name()}\`: ${argument.description}`)
  return lines.length > 0 ? [lines.join('\n')] : []
}

/** The option group that the help shows it under. */
function groupOf(option: Option): string | undefined {
  return (option as Option & { helpGroupHeading?: string }).helpGroupHeading
}

function isAppOption(option: Option): boolean {
  return APP_OPTION_GROUPS.includes(groupOf(option) ?? '')
}

function optionsIn(command: Command | undefined, group: string): Option[] {
  return command?.options.filter((option) => !option.hidden && groupOf(option) === group) ?? []
}

function optionTable(title: string, options: readonly Option[]): string {
  const rows = options.map(({ flags, description }) => {
    const meaning = description.replaceAll('|', '\\|').replaceAll('<', '&lt;')
    return `| \`${flags.replaceAll('|', '\\|')}\` | ${meaning} |`
  })
  return [`| ${title.replace(/:$/, '')} | |`, '|---|---|', ...rows].join('\n')
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

/** Help text that a command adds is only to be had by printing it. */
function examplesOf(command: Command): string[] {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
  const lines = (help.split('\nExamples:\n')[1] ?? '').split('\n').map((line) => line.trim())
  const examples = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2))
  return examples.length > 0 ? [['```sh', ...examples, '```'].join('\n')] : []
}
