"""The handler ``role.jd-ingestion``: read a job description, extract, keep, and score by it."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import msgspec

from qntx.clock import now_us
from qntx.model.ids import new_id
from qntx.runtime.context import JobContext
from qntx.runtime.registry import Registry
from qntx_recruiting import scoring
from qntx_recruiting import settings as sections
from qntx_recruiting.claims import claims_of
from qntx_recruiting.extraction.naming import clean_title
from qntx_recruiting.files import is_web_address, read_file
from qntx_recruiting.model.attestation import Attestation
from qntx_recruiting.model.recruiting import (
    Candidate,
    CandidateScore,
    Extraction,
    JobDescription,
    Role,
)
from qntx_recruiting.narrative import (
    condition_fields,
    conditions_line,
    evidence_line,
    requirement_line,
    summary,
)
from qntx_recruiting.ports import RecruitingStore
from qntx_recruiting.reading import read_job
from qntx_recruiting.requirements import Extractor, how_extracted
from qntx_recruiting.text import JobText

HANDLERS = Registry()


class IngestJD(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    What to ingest: *jd_url* is a web address, a ``file://`` address or a path.

    *remote* is set for callers that are not on this machine; they may only read files below the
    folders of the setting files.roots.
    """

    jd_url: str
    actor: str = "cli"
    remote: bool = False


class _State(msgspec.Struct):
    """What finished stages have produced; a later attempt goes on from here."""

    job: JobText | None = None
    extraction: Extraction | None = None
    jd: JobDescription | None = None
    claims: list[Attestation] | None = None
    stored: bool = False


@HANDLERS.handler("role.jd-ingestion", aliases=("jd", "role"))
def ingest_jd(ctx: JobContext, payload: IngestJD) -> dict[str, object]:
    """
    Ingest one job description and score all candidates against it.

    Raises FetchError when it cannot be read, StoreUnavailable when it cannot be kept. The same
    text is stored once however often it is ingested, and a candidate is scored once a job.
    """
    return _Ingestion(ctx, payload).run()


class _Ingestion:
    def __init__(self, ctx: JobContext, payload: IngestJD) -> None:
        self._ctx = ctx
        self._emit = ctx.emit
        self._payload = payload
        self._llm = sections.llm_settings(ctx.settings)
        self._store = ctx.get(RecruitingStore)  # type: ignore[type-abstract] # ports are protocols
        self._state = msgspec.convert(ctx.state, _State) if ctx.state else _State()

    def run(self) -> dict[str, object]:
        state = self._state
        if self._ctx.state:
            self._emit.info("Going on from the last checkpoint", attempt=self._ctx.attempt)
        if state.job is None:
            state.job = self._read()
            self._checkpoint()
        if state.extraction is None:
            state.extraction = self._extract(state.job)
            self._checkpoint()
        if state.jd is None or state.claims is None:
            state.jd = self._description(state.job, state.extraction)
            state.claims = self._attest(state.jd)
            self._checkpoint()
        if not state.stored:
            state.jd = self._persist(state.jd, state.claims)
            state.stored = True
            self._checkpoint()
        scores = self._score(state.jd)
        return summary(state.jd, scores)

    def _checkpoint(self) -> None:
        self._ctx.checkpoint(msgspec.to_builtins(self._state))
        self._ctx.check()

    # --- fetch_jd or read_jd

    def _read(self) -> JobText:
        source = self._payload.jd_url
        return self._fetched(source) if is_web_address(source) else self._from_file(source)

    def _fetched(self, source: str) -> JobText:
        # 0.1 s of start-up that reading a file does not need
        from qntx_recruiting.politeness import polite_fetch

        with self._emit.stage("fetch_jd", f"Fetching job description from {source}"):
            page = polite_fetch(self._ctx, source)
            for hop in page.redirects:
                self._emit.info(f"Followed a redirect at {hop}", url=hop)
            self._emit.info(
                f"Fetched {len(page.body):,} bytes ({page.content_type or 'no type'}) "
                f"in {page.duration_ms:,} ms",
                url=page.url,
                bytes=len(page.body),
                wire_bytes=page.wire_bytes,
                content_type=page.content_type,
                duration_ms=page.duration_ms,
            )
            job = read_job(page.url, urlsplit(page.url).path, page.body, page.content_type)
            self._report(job)
        return job

    def _from_file(self, source: str) -> JobText:
        settings = self._ctx.settings
        with self._emit.stage("read_jd", f"Reading job description from {source}"):
            content = read_file(
                source,
                max_bytes=sections.fetch_settings(settings).max_bytes,
                roots=sections.file_settings(settings).roots if self._payload.remote else None,
                private=settings.home,
            )
            self._emit.info(
                f"Read {len(content.body):,} bytes from {PurePosixPath(content.path).name}",
                path=content.path,
                bytes=len(content.body),
            )
            job = read_job(source, content.path, content.body)
            self._report(job)
        return job

    def _report(self, job: JobText) -> None:
        for note in job.notes:
            self._emit.warn(f"The text is {note}" if note.startswith("not valid") else note)
        words = len(job.text.split())
        posting = ", with structured JobPosting data" if job.posting else ""
        self._emit.info(f"Found {words:,} words of {job.kind}{posting}", words=words, kind=job.kind)
        self._emit.debug("Text of the job description", text=job.text)

    # --- extract_requirements

    def _extract(self, job: JobText) -> Extraction:
        with self._emit.stage("extract_requirements", how_extracted(self._llm)):
            extractor = Extractor(
                self._llm,
                self._emit,
                self._store,
                self._ctx.job_id,
                check=self._ctx.check,
                on_token=self._token,
            )
            extraction = extractor.extract(job.text)
            musts = [r for r in extraction.requirements if r.importance == "must"]
            nices = [r for r in extraction.requirements if r.importance == "nice"]
            self._emit.info(
                f"Found {len(musts)} must-haves and {len(nices)} nice-to-haves "
                f"with {extraction.extractor}",
                must=[r.name for r in musts],
                nice=[r.name for r in nices],
            )
            self._emit.info(conditions_line(extraction), **condition_fields(extraction))
            for requirement in extraction.requirements:
                self._emit.debug(
                    requirement_line(requirement),
                    quote=requirement.quote.text,
                    start=requirement.quote.start,
                    end=requirement.quote.end,
                )
            if not extraction.requirements:
                self._emit.warn(
                    "No requirement was found - check that the text is a job description"
                )
        return extraction

    def _token(self, piece: str) -> None:
        """Show the model's answer as it grows, to whoever can show it."""
        show = getattr(self._emit, "broadcast_llm_stream", None)
        if show is None:
            return
        try:
            show(None, piece, model=self._llm.model, stage="extract_requirements")
        except Exception as error:  # noqa: BLE001 - a lost terminal must not cost the job
            self._emit.debug("The model's answer could not be shown", error=str(error))

    # --- generate_attestations

    def _description(self, job: JobText, extraction: Extraction) -> JobDescription:
        places = "; ".join(fact.value for fact in extraction.locations)
        return JobDescription(
            id=new_id("JD"),
            role_id=new_id("RL"),
            source=self._payload.jd_url,
            source_kind=job.kind,
            content_hash=hashlib.sha256(job.text.encode()).hexdigest(),
            title=clean_title(extraction.title.value if extraction.title else job.title),
            company=job.company or (extraction.company.value if extraction.company else ""),
            location=job.location or places,
            text=job.text,
            extraction=extraction,
            posting=job.posting,
            job_id=self._ctx.job_id,
        )

    def _attest(self, jd: JobDescription) -> list[Attestation]:
        with self._emit.stage("generate_attestations", f"Generating attestations about {jd.title}"):
            claims = claims_of(jd, actor=self._payload.actor, at_us=now_us())
            counts: dict[str, int] = {}
            for claim in claims:
                counts[claim.predicates[0]] = counts.get(claim.predicates[0], 0) + 1
            self._emit.info(f"Generated {len(claims)} attestations", count=len(claims), by=counts)
        return claims

    # --- persist_data, persist_complete

    def _persist(self, jd: JobDescription, claims: list[Attestation]) -> JobDescription:
        role = Role(id=jd.role_id, title=jd.title, company=jd.company, location=jd.location)
        with self._emit.stage("persist_data", "Saving role, job description and attestations"):
            saved = self._store.save_ingestion(role, jd, claims)
        stored, verb = saved.jd, "Saved" if saved.new else "Updated"
        with self._emit.stage("persist_complete", f"{verb} {stored.id} of role {stored.role_id}"):
            self._emit.info(
                f"{stored.title} at {stored.company or 'an unnamed company'}: "
                f"{saved.claims_added} new attestations",
                jd_id=stored.id,
                role_id=stored.role_id,
                new=saved.new,
                attestations=len(claims),
                attestations_added=saved.claims_added,
            )
        return stored

    # --- score_candidates

    def _score(self, jd: JobDescription) -> list[tuple[Candidate, CandidateScore]]:
        candidates = self._store.list_candidates()
        with self._emit.stage(
            "score_candidates", f"Scoring {len(candidates)} candidates against {jd.title}"
        ):
            if not candidates:
                self._emit.warn("There are no candidates to score - load some first")
            done = {
                s.candidate_id: s for s in self._store.scores_of(jd.id, job_id=self._ctx.job_id)
            }
            if done:
                self._emit.info(f"{len(done)} candidates were scored before the interruption")
            scores: list[tuple[Candidate, CandidateScore]] = []
            for number, candidate in enumerate(candidates, 1):
                self._ctx.check()
                result = done.get(candidate.id) or self._score_one(candidate, jd)
                scores.append((candidate, result))
                self._emit.progress(number, len(candidates))
            qualified = sum(result.qualified for _, result in scores)
            if scores:
                self._emit.info(f"{qualified} of {len(scores)} candidates qualify")
        return sorted(scores, key=lambda pair: (-pair[1].score, pair[0].id))

    def _score_one(self, candidate: Candidate, jd: JobDescription) -> CandidateScore:
        threshold = sections.scoring_settings(self._ctx.settings).threshold
        with self._emit.task(candidate.id, name=candidate.name):
            result = scoring.score(candidate, jd, threshold=threshold, job_id=self._ctx.job_id)
            for item in result.evidence:
                self._emit.debug(
                    evidence_line(item),
                    strength=item.strength,
                    weight=item.weight,
                    critical=item.critical,
                )
            self._store.save_score(result)
            self._emit.emit_candidate_match(
                candidate.id,
                result.score,
                result.qualified,
                result.reasoning,
                {"name": candidate.name, "scorer": result.scorer, "threshold": threshold},
            )
        return result
