"""Gets at the frames above a generator that runs, by `gi_frame`, and looks for what opens files without asking."""

EXPECTED = "refused"


def attack(aim):
    def climb():
        frame = running.gi_frame
        while frame is not None:
            yield frame
            frame = frame.f_back

    running = climb()
    opener = [frame.f_builtins["open"] for frame in running][-1]
    return opener(aim["secret"]).read()
