"""Who runs what: six small acts, one worker, and a caller that helps.

Look at the two lines of each picture. In the first, the worker sleeps before E, so main, which has nothing left to do
but wait, fetches F from it; B, a background task that the join does not depend on, stays with the worker and comes
last. In the second, the worker is stuck: main does everything by itself, and waits for nobody.

The acts are in `subpool/cli/scenario.py`; the calls that matter are these:

    background = pool.spawn(b)
    subpool.join(sleep_and_c, d_and_then_join_e_with_f)
"""

import subpool
from subpool.cli import scenario


def show(title: str, story: scenario.Story) -> None:
    print(f"{title}: the join took {1000 * (story.returned - story.began):.0f} ms")
    for act in story.acts:
        print(f"  {act.name} was done by {scenario.place_name(act.worker)}")
    print(*scenario.timeline(story), sep="\n", end="\n\n")


def main() -> None:
    with subpool.Pool(1) as pool:
        show("A worker that is free", scenario.play_held(pool))
        show("A worker that is stuck", scenario.play_busy(pool))


if __name__ == "__main__":
    main()
