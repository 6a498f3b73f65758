"""How a report looks: one page that needs nothing else."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>
:root {{ color-scheme: light }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }}
h1 {{ font-size: 1.6rem; margin-bottom: 0 }} h2 {{ font-size: 1.15rem; margin: 2.2rem 0 .6rem }} p {{ margin: .3rem 0; color: #555 }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 1.4rem }}
.tile {{ flex: 1 1 9rem; border: 1px solid #ddd; border-radius: .5rem; padding: .7rem 1rem }}
.tile b {{ display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums }}
.tile span, td span {{ color: #555; font-size: .85rem }} .good {{ color: #0a7d5a }} .bad {{ color: #b3261e }}
table {{ border-collapse: collapse }} th, td {{ padding: .3rem .9rem; border-bottom: 1px solid #ddd }}
td {{ text-align: right; font-variant-numeric: tabular-nums }} th {{ text-align: left; font-weight: 500 }} thead th {{ color: #555 }}
.wide {{ overflow-x: auto }} .pictures {{ display: flex; flex-wrap: wrap; gap: 1.5rem }}
figure {{ margin: 0; flex: 1 1 20rem; max-width: 30rem }} figcaption {{ font-weight: 500 }} svg {{ width: 100%; height: auto }}
svg text {{ font-size: 11px; fill: #555 }} svg .small {{ font-size: 8px }} .grid {{ stroke: #eee }}
.legend span {{ margin-right: 1rem; font-size: .9rem }}
.legend i {{ display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; border-radius: 2px }}
</style></head><body><h1>{title}</h1><p>{summary}</p>{parts}</body></html>
"""
