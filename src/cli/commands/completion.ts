import type { Command } from 'commander'

import { didYouMean, LbmError } from '../../contract/errors.ts'
import type { Cli } from '../cli.ts'
import type { CompletionWord } from '../output/completion-script.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export function addCompletion(program: Command, cli: Cli): void {
  program
    .command('completion')
    .argument('<shell>', SHELLS.join(', '))
    .description('print a script that completes commands and names')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm completion bash >> ~/.bashrc\n  $ lbm completion zsh > "${fpath[1]}/_lbm"\n  $ lbm completion fish > ~/.config/fish/completions/lbm.fish',
    )
    .action(async (given: string) => {
      const shell = SHELLS.find((known) => known === given)
      if (shell === undefined) {
        throw new LbmError('USAGE', `There is no completion for "${given}".`, {
          hint: didYouMean(given, SHELLS),
        })
      }
      const { completionScript } = await import('../output/completion-script.ts')
      cli.io.write(completionScript(shell, wordsOf(program)))
    })
}

function wordsOf(program: Command): CompletionWord[] {
  return program.commands.flatMap((command) => {
    const options = command.options
      .filter(({ hidden }) => !hidden)
      .flatMap(({ long }) => (long ? [long] : []))
    return [command.name(), ...command.aliases()].map((name) => ({
      name,
      description: command.description(),
      options,
    }))
  })
}
