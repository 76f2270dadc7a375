"""The preview of a new job at work: it looks for the items when it may or is asked to, and only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from textual import work
from textual.worker import Worker

from abp_tui.creation import Found
from abp_tui.enumerators.base import Approval
from abp_tui.errors import AbpError
from abp_tui.tui.named_keys import key
from abp_tui.tui.screens.approve_code import ApproveCodeScreen
from abp_tui.tui.screens.new_job_form import ItemsFrom, NewJobForm
from abp_tui.tui.screens.new_job_look import FIRST, Look, Unapproved, Unwanted, asking_words, is_live, outlook
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.plan_preview import Outlook, PlanPreview

if TYPE_CHECKING:
    from abp_tui.tui.app import AbpApp


class NewJobPreview(PlanPreview):
    """Follows the form. What does not concern the source is drawn from the items that were found already."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._form: NewJobForm | None = None
        self._look: Look | None = None
        self._looking: Worker[None] | None = None
        self._looked_for: ItemsFrom | None = None
        self._found: tuple[ItemsFrom, Found] | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether items are being looked for."""
        return self._look is not None

    @property
    def is_making(self) -> bool:
        """Whether that is for a job that is being made."""
        return self._look is not None and self._look.making

    def follow(self, form: NewJobForm) -> None:
        """Show what the form makes by now. A source is looked at again only where its settings changed."""
        self._form = form
        if self.is_making:
            return
        if self._found is not None and self._found[0] == form.items_from:
            self._looked_for = form.items_from
            self._end()
            self._work_out(form, self._found[1])
        elif self._looked_for != form.items_from:
            self._looked_for = form.items_from
            self._end()
            self._begin(form, asked=False)

    def run(self, form: NewJobForm) -> None:
        """Look for the items because a person asks for it; code is shown first, unless it is approved."""
        if not self.is_making:
            self._form, self._looked_for = form, form.items_from
            self._begin(form, asked=True)

    def attend(self, look: Look) -> None:
        """Show how far the making of the job is, which reads the items itself."""
        self._end()
        self._show_work(look)

    def attended(self, look: Look) -> None:
        """The making is over; show what the form makes by now."""
        if look is self._look:
            self._forget()
            self._looked_for = None
            self.follow(self._form or look.form)

    def stop(self) -> None:
        """End what is at work; the making of a job says itself when it has left nothing behind."""
        look = self._look
        if look is not None and look.making:
            look.end()
            self.tick()
        elif look is not None:
            self._end()
            again = f"{key('new.preview')} starts again"
            self.show_state(f"ended after {count(look.seen, 'item')}", again)

    def tick(self) -> None:
        """Show how far it is."""
        if self._look is not None:
            self.show_state(self._look.progress, f"{key('new.stop')} ends that")

    def on_unmount(self) -> None:
        """Nobody waits for the items any more."""
        if self._look is not None:
            self._look.end()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A look that ended in a way that nobody foresaw has ended, too."""
        self._abp.report(event)
        if event.worker is self._looking and event.worker.error is not None and self._look is not None:
            why = f"{type(event.worker.error).__name__}: {event.worker.error}"
            self._forget()
            self.show_problem(AbpError(f"the source failed: {why}", "that is a mistake of its own"))

    def _begin(self, form: NewJobForm, *, asked: bool) -> None:
        """Look for the items if they were asked for or the source allows it, else say which key does."""
        try:
            form.source_arguments()
        except AbpError as error:
            self.show_problem(error)
            return
        if asked or is_live(form.source):
            self._start(form, asked=asked)
        else:
            self._show_how(form)

    def _start(self, form: NewJobForm, *, asked: bool, approved: str | None = None) -> None:
        self._end()
        self._found = None
        look = Look(form, approved=approved)
        self._show_work(look, now=asked)
        self._looking = self._run(look, asked)

    def _show_work(self, look: Look, *, now: bool = True) -> None:
        self._look = look
        self.screen.refresh_bindings()
        if now:
            self.tick()

    def _end(self) -> None:
        if self._look is not None:
            self._look.end()
            self._forget()

    def _forget(self) -> None:
        self._look = None
        self.screen.refresh_bindings()

    @work(thread=True, group="look", exit_on_error=False)
    def _run(self, look: Look, asked: bool) -> None:
        try:
            found = look.run(self._abp.orchestrator, lambda plan: self._abp.orchestrator.look(plan, FIRST))
        except Unwanted:
            return
        except Unapproved as needed:
            self._from_thread(look, self._unapproved, needed.wanted if asked else None)
        except AbpError as error:
            self._from_thread(look, self._failed, error)
        else:
            self._from_thread(look, self._succeeded, found)

    def _from_thread(self, look: Look, then: Callable[[Look, Any], None], what: object) -> None:
        """Go on with what has come of a look, unless it has been ended meanwhile."""

        def go_on() -> None:
            if look is self._look:
                self._forget()
                then(look, what)

        self.app.call_from_thread(go_on)

    def _succeeded(self, look: Look, found: Found) -> None:
        self._found = look.form.items_from, found
        if self._form is not None:
            self.follow(self._form)

    def _failed(self, look: Look, error: AbpError) -> None:
        self.show_problem(error)

    def _unapproved(self, look: Look, wanted: Approval | None) -> None:
        self._show_how(look.form)
        if wanted is not None:

            def go_on(sure: bool | None) -> None:
                if sure:
                    self._start(look.form, asked=True, approved=wanted.sha256)

            self.app.push_screen(ApproveCodeScreen(wanted), go_on)

    @work(thread=True, group="draw", exclusive=True, exit_on_error=False)
    def _work_out(self, form: NewJobForm, found: Found) -> None:
        made = outlook(self._abp.orchestrator, form, found)
        self.app.call_from_thread(self._worked_out, form, made)

    def _worked_out(self, form: NewJobForm, made: Outlook) -> None:
        """Show it, unless the form has changed meanwhile: then it is being made anew."""
        if form is self._form and self._look is None and self.is_attached:
            self.show_outlook(made)

    def _show_how(self, form: NewJobForm) -> None:
        self.show_state(f"press {key('new.preview')} to {asking_words(form.source)}")

    @property
    def _abp(self) -> AbpApp:
        return cast("AbpApp", self.app)
