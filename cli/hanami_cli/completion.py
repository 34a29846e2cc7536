"""`hanamictl completion`: a script that completes command lines, made of the help texts of all nouns.

Owns the scripts for each shell. They hold all words and options as they are now, so that pressing TAB starts no
program. Must not know what a noun can do beyond its help text, nor the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from hanami_cli.arguments import COMMON_OPTIONS, parse
from hanami_cli.usage import Flag, flags_of, lines_of
from hanami_cli.views import FORMATS

__all__ = ["HELP", "SHELLS", "Grammar", "grammar", "run"]

HELP = f"""
Tab completion for hanamictl. Prints the script for your shell to load.

Usage:
    hanamictl completion bash [options]
    hanamictl completion zsh [options]
    hanamictl completion fish [options]
{COMMON_OPTIONS}
Examples:
    source <(hanamictl completion bash)                                        (add this to ~/.bashrc)
    hanamictl completion zsh > "${{fpath[1]}}/_hanamictl"
    hanamictl completion fish > ~/.config/fish/completions/hanamictl.fish
"""


@dataclass(frozen=True)
class Grammar:
    """What can stand where.

    Attributes:
        words: the words that may follow, by the words so far, parted by blanks.
        options: the options of a noun in all spellings, by its name.
        with_value: spellings of all options that take a value.
    """

    words: Mapping[str, Sequence[str]]
    options: Mapping[str, Mapping[str, Flag]]
    with_value: Sequence[str]


def run(argv: list[str]) -> int:
    """Print the script for a shell."""
    (shell,) = parse(HELP, argv).words() - {"completion"}
    print(SHELLS[shell](grammar()), end="")
    return 0


def grammar() -> Grammar:
    """Read the help texts of all nouns."""
    from hanami_cli.hanamictl import LOCAL, NOUNS

    helps = {noun: import_module(f"hanami_cli.nouns.{noun}").HELP for noun in NOUNS} | {"completion": HELP}
    words: dict[str, list[str]] = {"": [*NOUNS, *LOCAL]}
    for text in helps.values():
        for line in lines_of(text):
            for depth in range(1, len(line.words)):
                _add(words.setdefault(" ".join(line.words[:depth]), []), line.words[depth])
    options = {noun: flags_of(text) | {"--output": Flag("output", True)} for noun, text in helps.items()}
    valued = {name for flags in options.values() for name, flag in flags.items() if flag.takes_value}
    return Grammar(words, options, sorted(valued))


def _add(known: list[str], word: str) -> None:
    if word not in known:
        known.append(word)


BASH = """\
_hanamictl() {{
    local said="" i current=${{COMP_WORDS[COMP_CWORD]}}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
            {valued}) ((i++)) ;;
            -*) ;;
            *) said="${{said:+$said }}${{COMP_WORDS[i]}}" ;;
        esac
    done
    local words="" options=""
    case "$said" in
{words}
    esac
    case "${{said%% *}}" in
{options}
    esac
    COMPREPLY=()
    case "${{COMP_WORDS[COMP_CWORD - 1]}}" in
        --output) COMPREPLY=($(compgen -W "{formats}" -- "$current")) ;;
        {valued}) ;;
        *)
            [[ $current == -* ]] && words=$options
            COMPREPLY=($(compgen -W "$words" -- "$current"))
            ;;
    esac
}}
complete -o default -F _hanamictl hanamictl
"""

ZSH = """\
#compdef hanamictl
_hanamictl() {{
    local said="" i
    for ((i = 2; i < CURRENT; i++)); do
        case "${{words[i]}}" in
            ({valued}) ((i++)) ;;
            (-*) ;;
            (*) said="${{said:+$said }}${{words[i]}}" ;;
        esac
    done
    local -a next flags
    case "$said" in
{words}
    esac
    case "${{said%% *}}" in
{flags}
    esac
    case "${{words[CURRENT - 1]}}" in
        (--output) compadd -- {formats} ;;
        ({valued}) _files ;;
        (*)
            if [[ "${{words[CURRENT]}}" == -* ]]; then
                compadd -- $flags
            elif (( $#next )); then
                compadd -- $next
            else
                _files
            fi
            ;;
    esac
}}
if [[ "$funcstack[1]" == _hanamictl ]]; then
    _hanamictl "$@"
else
    compdef _hanamictl hanamictl
fi
"""

FISH = """\
function __hanamictl_said
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l said
    set -l skip 0
    for token in $tokens
        if test $skip = 1
            set skip 0
            continue
        end
        switch $token
            case {valued}
                set skip 1
            case '-*'
            case '*'
                set -a said $token
        end
    end
    echo "$said"
end
function __hanamictl_at
    test (__hanamictl_said) = "$argv"
end
function __hanamictl_in
    string match -q -- "$argv *" (__hanamictl_said)" "
end
{lines}
"""


def _bash(known: Grammar) -> str:
    return BASH.format(
        valued="|".join(known.with_value),
        words="\n".join(f'        "{said}") words="{" ".join(words)}" ;;' for said, words in known.words.items()),
        options="\n".join(f'        {noun}) options="{" ".join(flags)}" ;;' for noun, flags in known.options.items()),
        formats=" ".join(FORMATS),
    )


def _zsh(known: Grammar) -> str:
    return ZSH.format(
        valued="|".join(known.with_value),
        words="\n".join(f'        ("{said}") next=({" ".join(words)}) ;;' for said, words in known.words.items()),
        flags="\n".join(f"        ({noun}) flags=({' '.join(flags)}) ;;" for noun, flags in known.options.items()),
        formats=" ".join(FORMATS),
    )


def _fish(known: Grammar) -> str:
    return FISH.format(valued=" ".join(known.with_value), lines="\n".join(_fish_lines(known)))


def _fish_lines(known: Grammar) -> Iterator[str]:
    for said, words in known.words.items():
        yield f"complete -c hanamictl -n '__hanamictl_at {said}' -f -a '{' '.join(words)}'"
    for noun, flags in known.options.items():
        for flag in dict.fromkeys(flags.values()):
            names = [name for name, other in flags.items() if other == flag]
            yield f"complete -c hanamictl -n '__hanamictl_in {noun}' {' '.join(map(_fish_name, names))}{_value(flag)}"


def _fish_name(name: str) -> str:
    return f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _value(flag: Flag) -> str:
    if flag.name == "output":
        return f" -x -a '{' '.join(FORMATS)}'"
    return " -r" if flag.takes_value else ""


SHELLS: Mapping[str, Callable[[Grammar], str]] = {"bash": _bash, "fish": _fish, "zsh": _zsh}
