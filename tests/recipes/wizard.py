"""The wizard as somebody sees it who plans toys: prints the page of the question that was added, and answers it."""

from __future__ import annotations

import asyncio

from installer.plan.questions.catalogue import PAGES
from screens.app import CratonApp
from screens.pages.wizard import WizardScreen
from tests.screens.stand_ins import settle, visible


async def main() -> None:
    app = CratonApp(lambda: WizardScreen({"platform": "toy", "name": "shop"}, None))
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        shown = [page.title for page in PAGES if page.asked({"platform": "toy"})]
        for _ in range(shown.index("Colour")):
            await pilot.press("ctrl+down")
            await settle(pilot)
        print(visible(pilot))
        await pilot.press("down", "enter")
        await settle(pilot)
        print("--- next\n" + visible(pilot))


asyncio.run(main())
