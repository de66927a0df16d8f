"""Writes a page from a report's claims.json: every claim with its verdict, and the cases of the findings.

usage: claims.py claims.json "how, when and on what it was run" > docs/claims/README.md
       claims.py --join one.json other.json ... > claims.json    (parts of one study, of one seed and size)
"""

import json
import sys


def number(value):
    return f"{value:.3g}" if isinstance(value, (int, float)) else {"Infinity": "∞", "-Infinity": "−∞"}.get(value, value)


def shown(case):
    if case["holds"]:
        return "shown"
    low = case["interval"][0]
    refuted = low == "Infinity" or (isinstance(low, (int, float)) and low > case["bound"])
    return "refuted" if refuted else "open"


def joined(paths):
    reports = [json.load(open(path)) for path in paths]
    whole = reports[0]
    for report in reports[1:]:
        if [report[key] for key in ("seed", "full")] != [whole[key] for key in ("seed", "full")]:
            sys.exit("reports of other seeds or sizes")
        whole["claims"] += report["claims"]
    whole["claims"].sort(key=lambda claim: ("TEC".index(claim["id"][0]), int(claim["id"][1:])))
    return whole


def main():
    if sys.argv[1] == "--join":
        json.dump(joined(sys.argv[2:]), sys.stdout, ensure_ascii=False, indent=2)
        return
    path, how = sys.argv[1:]
    report = json.load(open(path))
    print(f"# Claims\n\n{how} The numbers are in `claims.json` beside this file; the command was `tweedie claims"
          f"{' --full' if report['full'] else ''} --seed {report['seed']}`.\n")
    print("| id | claim | cases | verdict |\n|---|---|---|---|")
    for claim in report["claims"]:
        holding = sum(case["holds"] for case in claim["cases"])
        print(f"| {claim['id']} | {claim['title']} | {holding} of {len(claim['cases'])} | {claim['verdict'].replace('-', ' ')} |")
    print("\n## Findings\n\nA ratio, its 99 % interval over five seeds, and the bound it must keep. Exact optima have no interval, but in the plane, where"
          " the optimum over all functions is sampled, and for training sets, of which each seed has its own.\n")
    for claim in report["claims"]:
        if not claim["id"].startswith("C"):
            continue
        print(f"### {claim['id']} {claim['title']}: {claim['verdict'].replace('-', ' ')}\n\n{claim['statement']}\n\n{claim['hypothesis']}\n")
        print("| law | condition | quantity | ratio | interval | bound | |\n|---|---|---|---|---|---|---|")
        for case in claim["cases"]:
            low, high = case["interval"]
            interval = "" if low == high else f"{number(low)} to {number(high)}"
            print(f"| {case['law']} | {case['channel']} | {case['quantity']} | {number(case['measured'])} | {interval} "
                  f"| {number(case['bound'])} | {shown(case)} |")
        print()


main()
