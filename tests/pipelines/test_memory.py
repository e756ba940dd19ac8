import gc

from pipelines.memory import release_unused, thawed_afterwards


def test_what_is_alive_at_the_first_release_is_looked_at_once_and_again_when_the_run_is_over():
    gc.unfreeze()  # tests that call a stage without a run leave some
    with thawed_afterwards():
        release_unused()
        set_aside = gc.get_freeze_count()
        assert set_aside > 10_000, "at least the interpreter's own modules"
        kept = [{} for _ in range(100)]
        release_unused()
        assert abs(gc.get_freeze_count() - set_aside) < len(kept), "later objects are not set aside"
    assert gc.get_freeze_count() == 0
