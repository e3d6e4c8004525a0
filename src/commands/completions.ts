// `tinycloud completions`: what a shell offers while a command line is typed.

import { type Command, type CommandGroup } from "./command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = typeof SHELLS[number];

/** Of all the commands there are, itself among them. */
export function completions(all: () => readonly (Command | CommandGroup)[]): Command {
  return {
    name: "completions",
    summary: "what bash, zsh or fish need to complete these commands",
    help: `usage: tinycloud completions SHELL

Prints the completions for bash, zsh or fish.

examples:
  source <(tinycloud completions bash)                    # in ~/.bashrc
  tinycloud completions zsh > "\${fpath[1]}/_tinycloud"
  tinycloud completions fish > ~/.config/fish/completions/tinycloud.fish`,
    options: {},
    words: 1,
    wants: "which shell",

    run(_flags, [word = ""], io) {
      const shell = SHELLS.find((name) => name === word);
      if (shell === undefined) {
        io.complain(`tinycloud completions: bash, zsh or fish, not ${word}`);
        return Promise.resolve(64);
      }
      io.print(WRITERS[shell](all()));
      return Promise.resolve(0);
    },
  };
}

type All = readonly (Command | CommandGroup)[];

const WRITERS: Readonly<Record<Shell, (all: All) => string>> = {
  bash: (all) =>
    `# tinycloud completions for bash
_tinycloud() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local words="" command="\${COMP_WORDS[1]}"
  case "$previous" in
    --config) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${all.map(({ name }) => name).join(" ")} help" -- "$current"))
    return
  fi
  case "$command" in
    help) words="${all.map(({ name }) => name).join(" ")}" ;;
${all.map(bashCase).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case "$current" in -*) ;; *) COMPREPLY+=($(compgen -f -- "$current")) ;; esac
}
complete -o filenames -F _tinycloud tinycloud`,

  zsh: (all) =>
    `#compdef tinycloud
# tinycloud completions for zsh
_tinycloud() {
  local -a commands
  if (( CURRENT == 2 )); then
    commands=(
${all.map(({ name, summary }) => `      ${shellQuoted(`${name}:${summary}`)}`).join("\n")}
      'help:show the help of a command'
    )
    _describe command commands
    return
  fi
  case "$words[2]" in
    help) compadd ${all.map(({ name }) => name).join(" ")} ;;
${all.map(zshCase).join("\n")}
  esac
}
_tinycloud "$@"`,

  fish: (all) =>
    [
      "# tinycloud completions for fish",
      "complete -c tinycloud -f -n __fish_use_subcommand -a help -d 'show the help of a command'",
      ...all.flatMap(fishLines),
    ].join("\n"),
};

function bashCase(each: Command | CommandGroup): string {
  if (!("commands" in each)) return `    ${each.name}) words="${flagsOf(each).join(" ")}" ;;`;
  const flags = each.commands.map((command) =>
    `        ${lastWord(command)}) words="${flagsOf(command).join(" ")}" ;;`
  );
  return `    ${each.name})
      [ "$COMP_CWORD" -eq 2 ] && words="${each.commands.map(lastWord).join(" ")}"
      [ "$COMP_CWORD" -gt 2 ] && case "\${COMP_WORDS[2]}" in
${flags.join("\n")}
      esac ;;`;
}

function zshCase(each: Command | CommandGroup): string {
  if (!("commands" in each)) {
    return `    ${each.name}) compadd -- ${flagsOf(each).join(" ")}; _files ;;`;
  }
  const described = each.commands.map((command) =>
    `          ${shellQuoted(`${lastWord(command)}:${command.summary}`)}`
  );
  const flags = each.commands.map((command) =>
    `        ${lastWord(command)}) compadd -- ${flagsOf(command).join(" ")}; _files ;;`
  );
  return `    ${each.name})
      if (( CURRENT == 3 )); then
        commands=(
${described.join("\n")}
        )
        _describe command commands
      else
        case "$words[3]" in
${flags.join("\n")}
        esac
      fi ;;`;
}

function fishLines(each: Command | CommandGroup): string[] {
  const first = `complete -c tinycloud -f -n __fish_use_subcommand -a ${each.name} -d ${
    shellQuoted(each.summary)
  }`;
  const within = `__fish_seen_subcommand_from ${each.name}`;
  if (!("commands" in each)) {
    return [
      first,
      ...namesOf(each).map((flag) => `complete -c tinycloud -n '${within}' -l ${flag}`),
    ];
  }
  const names = each.commands.map(lastWord);
  return [
    first,
    ...each.commands.flatMap((command) => [
      `complete -c tinycloud -n '${within}; and not __fish_seen_subcommand_from ${
        names.join(" ")
      }' ` +
      `-a ${lastWord(command)} -d ${shellQuoted(command.summary)}`,
      ...namesOf(command).map((flag) =>
        `complete -c tinycloud -n '${within}; and __fish_seen_subcommand_from ${
          lastWord(command)
        }' ` +
        `-l ${flag}`
      ),
    ]),
  ];
}

function namesOf({ options }: Command): string[] {
  return [...Object.keys(options), "help"];
}

function flagsOf(command: Command): string[] {
  return namesOf(command).map((name) => `--${name}`);
}

function lastWord({ name }: Command): string {
  return name.slice(name.lastIndexOf(" ") + 1);
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
