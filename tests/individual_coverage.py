"""A file that is a rule is covered by tests of its own, when only these run.

merlin/dataset/split.py has tests/dataset/test_split.py, or several of that beginning
(test_split_sizes.py). merlin/core/web/pages.py has tests/core/test_web_pages.py, or, as no other
file of core is named so, test_pages.py. Where one test file covers several files,
individual_tests.txt says which tests of the same package are a file's. What the processes run that
these start counts. A file without a function needs none. The exceptions stand in
individual_coverage.txt, and become fewer.

Surfaces (api, bot, cli, the stand-ins, the views of app) are no rules: the tests of the acts, the
golden files and the browser hold their lines.

    python -m tests.individual_coverage                 the names and the list, in `make lint`
    python -m tests.individual_coverage run [FILE ...]  runs each file's tests (`make coverage`)
    python -m tests.individual_coverage write           the same, and writes the list anew
"""

import ast
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".txt")
# `merlin/a.py: tests/x.py tests/y.py`, a line a file.
TESTS = Path("tests/individual_tests.txt")
# What is a rule: the beginnings of paths.
RULES = (
    *(f"merlin/{name}/" for name in ("core", "dataset", "training", "billing")),
    *(f"merlin/{name}/" for name in ("account", "chat", "db", "git", "config")),
    "merlin/engine/trainers/recall/",
    "merlin/engine/trainers/exact_first.py",
    "merlin/engine/serving/exact_first.py",
    *(f"merlin/engine/{name}.py" for name in ("adapter_weights", "architectures")),
    *(f"merlin/engine/{name}.py" for name in ("bases", "chat_template", "job_queue")),
    *(f"merlin/engine/{name}.py" for name in ("ollama", "proof", "training_file")),
)
# Where the tests of a package stand, other than in a folder of its name: "" is merlin/ itself.
FOLDERS = {"": "wiring"}


def find_modules(root=ROOT):
    """Return the paths of the files of merlin/ that have a function, relative to the root."""
    paths = sorted(root.glob("merlin/**/*.py"))
    return [str(path.relative_to(root)) for path in paths if _has_function(path)]


def find_subjects(root=ROOT):
    """Return those of `find_modules` that are rules."""
    return [path for path in find_modules(root) if path.startswith(RULES)]


def _has_function(path):
    tree = ast.parse(path.read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, functions) for node in ast.walk(tree))


def match_tests(subjects, tests):
    """Return the test files of each subject that has some: those with the longest of its names."""
    owners = _find_owners(subjects)
    tests_by_subject = defaultdict(list)
    for test in sorted(tests):
        folder, words = Path(test).parent, Path(test).stem.split("_")[1:]
        names = [folder / "_".join(words[:count]) for count in range(len(words), 0, -1)]
        owner = next((owners[name] for name in names if name in owners), None)
        if owner:
            tests_by_subject[owner].append(test)
    return dict(tests_by_subject)


def _find_owners(subjects):
    """Return the subject of each name, None where a shortened one means several."""
    whole = {}
    shortened = {}
    for subject in subjects:
        first, *others = _list_names(subject)
        whole[first] = subject
        for name in others:
            shortened[name] = None if name in shortened else subject
    return shortened | whole


def _list_names(subject):
    """Return the folder and words of its tests: for merlin/a/b/c.py tests/a/b_c and tests/a/c."""
    _, *folders, module = Path(subject).with_suffix("").parts
    folder = _find_folder(subject)
    if module == "__init__" and folders:
        module = folders.pop()
    parts = [*folders[1:], module]
    return [folder / "_".join(parts[start:]) for start in range(len(parts))]


def _find_folder(subject):
    """Return the folder of the tests of a file."""
    package = "".join(Path(subject).parts[1:-1][:1])
    return Path("tests", FOLDERS.get(package, package))


def find_faults(subjects, tests_by_subject, listed, root=ROOT):
    """Return what is wrong with the names and the lists, a line each."""
    named = listed | tests_by_subject.keys()
    gone = [f"{path}: in a list, but gone" for path in named - set(subjects)]
    tests = {test for tests in tests_by_subject.values() for test in tests}
    gone += [
        f"{test}: in a list, but gone" for test in tests if not (root / test).exists()
    ]
    strange = [
        f"{path}: {test} is a test of another package"
        for path, tests in tests_by_subject.items()
        for test in tests
        if Path(test).parent != _find_folder(path)
    ]
    nameless = [
        f"{path}: no test file of its name"
        for path in subjects
        if path not in tests_by_subject and path not in listed
    ]
    return gone + strange + nameless


def measure(subject, tests):
    """Return the lines of a subject that its tests alone do not run; None where a test fails."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        options = (f"--data-file={data}", f"--include={ROOT / subject}")
        pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
        command = (sys.executable, "-m", "coverage", "run", *options, *pytest)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            return None
        measured = Coverage(data_file=data, config_file=str(ROOT / "pyproject.toml"))
        measured.combine([folder])
        return measured.analysis2(str(ROOT / subject))[3]


def measure_all(tests_by_subject):
    """Return the missed lines by subject, as `measure` does; on every core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        missed = pool.map(measure, tests_by_subject, tests_by_subject.values())
        return dict(zip(tests_by_subject, missed, strict=True))


def compare_with_list(missed_by_subject, listed):
    """Return what is wrong with the list by what ran, a line each."""
    faults = []
    for subject, missed in missed_by_subject.items():
        if missed is None:
            faults.append(f"{subject}: a test fails when its tests run alone")
        elif missed and subject not in listed:
            faults.append(f"{subject}: its tests do not run lines {missed}")
        elif not missed and subject in listed:
            faults.append(f"{subject}: covered, so take it from the list")
    return faults


def write_list(subjects, missed_by_subject, listed):
    """Write the list without what is covered now or gone, and with what is not covered."""
    nameless = set(subjects) - set(match_all())
    missed = {path for path, lines in missed_by_subject.items() if lines != []}
    kept = (listed | nameless | missed) & set(subjects)
    kept -= missed_by_subject.keys() - missed
    LIST.write_text("".join(f"{path}\n" for path in sorted(kept)), "utf-8")


def match_all(root=ROOT):
    """Return the test files of each file that has some: as the list says, else by name."""
    tests = [str(path.relative_to(root)) for path in root.glob("tests/*/test_*.py")]
    lines = (root / TESTS).read_text("utf-8").splitlines()
    said = dict(line.split(": ") for line in lines)
    return match_tests(find_modules(root), tests) | {
        path: names.split() for path, names in said.items()
    }


def main(arguments):
    """Do what the module's first lines say; return the exit code."""
    verb, *wanted = arguments or ["check"]
    subjects = find_subjects()
    tests_by_subject = {
        path: tests for path, tests in match_all().items() if path in subjects
    }
    listed = set(LIST.read_text("utf-8").split())
    if verb == "check":
        faults = find_faults(subjects, tests_by_subject, listed)
        faults.sort()
        print(f"rules without own tests: {len(listed)} of {len(subjects)} files")
    else:
        chosen = {path: tests_by_subject[path] for path in wanted or tests_by_subject}
        missed_by_subject = measure_all(chosen)
        faults = compare_with_list(missed_by_subject, listed)
        if verb == "write":
            write_list(subjects, missed_by_subject, listed)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
