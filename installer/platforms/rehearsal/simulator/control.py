"""The site's control API: a JSON line per request and reply, over loopback TCP, behind a token."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from installer.common.paths import write_private
from installer.plan.rules import Role
from installer.platforms.rehearsal.client import PROTOCOL
from installer.platforms.rehearsal.faults import Fault
from installer.platforms.rehearsal.records import MachineRecord, Refused
from installer.platforms.rehearsal.simulator.pace import Pace

if TYPE_CHECKING:
    from installer.platforms.rehearsal.simulator.site import Site

LIMIT = 64 * 1024 * 1024
"""Bytes of a request or reply: the machines of the largest cluster fit."""
Method = Callable[[dict[str, Any]], Awaitable[Any]]


class Control:
    """Serves requests `{"token", "method", "arguments"}` with `{"result"}` or `{"refused", "kind"}`."""

    def __init__(self, site: Site, stop: Callable[[], None], token: str) -> None:
        self._site = site
        self._stop = stop
        self._token = token
        self._server: asyncio.Server | None = None
        self._file = Path()
        self._methods: dict[str, Method] = {
            "hello": self._hello,
            "options": self._options,
            "create": self._create,
            "delete": self._delete,
            "machine": self._machine,
            "machines": self._machines,
            "put": self._put,
            "remove": self._remove,
            "entries": self._entries,
            "shutdown": self._shutdown,
        }

    async def open(self, file: Path) -> None:
        """Serve at a free port; say where, and with which token, in `file`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LIMIT)
        port = self._server.sockets[0].getsockname()[1]
        self._file = file
        write_private(file, json.dumps({"pid": os.getpid(), "port": port, "token": self._token}))

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self.is_current():
            self._file.unlink(missing_ok=True)

    def is_current(self) -> bool:
        """Whether the file still leads here."""
        try:
            return bool(json.loads(self._file.read_bytes())["pid"] == os.getpid())
        except (OSError, ValueError, KeyError):
            return False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            reply = await self._reply(request)
            if reply is not None:
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError):  # no JSON, or the client went away
            return
        finally:
            writer.close()

    async def _reply(self, request: Any) -> dict[str, Any] | None:
        """None cuts the connection without an answer."""
        if not isinstance(request, dict) or not hmac.compare_digest(str(request.get("token", "")), self._token):
            return {"refused": "the token is not this site's", "kind": "token"}
        method = self._methods.get(request["method"])
        if method is None:
            return {"refused": f"there is no method {request['method']}", "kind": "not-found"}
        try:
            result = await method(request["arguments"])
        except Refused as refusal:
            return {"refused": str(refusal), "kind": refusal.kind}
        except (KeyError, TypeError, ValueError) as error:
            return {"refused": f"{request['method']}: {error!r}", "kind": "invalid"}
        return None if result is _CUT else {"result": result}

    async def _hello(self, _arguments: dict[str, Any]) -> Any:
        return {"pid": os.getpid(), "protocol": PROTOCOL}

    async def _options(self, arguments: dict[str, Any]) -> Any:
        pace = Pace(arguments["speed"], arguments["seed"])
        self._site.set_options(pace, tuple(Fault(*fault) for fault in arguments["faults"]))
        await self._site.store.save()

    async def _create(self, arguments: dict[str, Any]) -> Any:
        machine = self._site.create(
            arguments["name"],
            Role(arguments["role"]),
            arguments["address"],
            arguments["firewall"],
            arguments["user"],
            list(arguments["authorized_keys"]),
        )
        await self._site.store.save()
        fault = self._site.fault(machine.name, "machines")
        return _CUT if fault and fault.kind == "drop" else self._view(machine)

    async def _delete(self, arguments: dict[str, Any]) -> Any:
        self._site.delete(arguments["name"])
        await self._site.store.save()

    async def _machine(self, arguments: dict[str, Any]) -> Any:
        await self._site.started(arguments["name"], arguments["patience"])
        machine = self._site.record.machines.get(arguments["name"])
        return self._view(machine) if machine else None

    async def _machines(self, _arguments: dict[str, Any]) -> Any:
        return [self._view(machine) for machine in self._site.record.machines.values()]

    async def _put(self, arguments: dict[str, Any]) -> Any:
        self._site.record.entries.setdefault(arguments["kind"], {})[arguments["name"]] = arguments["value"]
        await self._site.store.save()

    async def _remove(self, arguments: dict[str, Any]) -> Any:
        self._site.record.entries.get(arguments["kind"], {}).pop(arguments["name"], None)
        await self._site.store.save()

    async def _entries(self, arguments: dict[str, Any]) -> Any:
        return self._site.record.entries.get(arguments["kind"], {})

    async def _shutdown(self, _arguments: dict[str, Any]) -> Any:
        self._stop()

    def _view(self, machine: MachineRecord) -> dict[str, Any]:
        """What the platform says of a machine; its host key, public, is what it vouches for."""
        return {
            "name": machine.name,
            "role": machine.role,
            "address": machine.address,
            "firewall": machine.firewall,
            "user": machine.user,
            "state": machine.state,
            "port": machine.port,
            "host_key": machine.public_key,
            "creations": self._site.record.creations.get(machine.name, 0),
        }


_CUT = object()
"""Result of a request that took effect but whose answer was lost."""
