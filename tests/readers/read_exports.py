"""Reads every kind of file that a server hands out, and compares it with the graph."""

import csv
import io
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request
from decimal import ROUND_HALF_UP, Decimal

import openpyxl
import pypdf
import simplefix

EMAIL = "demo_hedgefundstyle@sigmasight.com"
PASSWORD = "demo12345"

BOOK = """
query($id: ID!) {
  portfolio(id: $id) {
    name
    valuation { totalValue dailyPnl unrealizedPnl }
    exposures { grossExposure netExposure longExposure shortExposure notional }
    greeks { total { delta gamma theta vega rho } deltaDollars }
    factorExposures { factor { name } beta exposureDollars }
    riskMetrics { annualizedVolatility beta sharpeRatio historicalVar95 parametricVar99 }
    correlations { averageCorrelation effectivePositions }
    marketScenarios { pnl }
    rateScenarios { pnl }
    stressTest { scenario { name } totalPnl }
    positions(first: 500) { nodes {
      symbol type quantity entryPrice entryDate tags { name } instrument { sector }
      valuation { price weight exposure marketValue unrealizedPnl dailyPnl costBasis }
      greeks { position { delta gamma theta vega rho } }
    } }
  }
}"""

TRADES = [
    {"symbol": "AAPL", "action": "BUY", "quantity": "100", "price": "187.25"},
    {"symbol": "TSLA", "action": "SELL", "quantity": "10"},
    {"symbol": "NFLX", "action": "SELL_SHORT", "quantity": "25", "price": "490.5"},
    {"symbol": "NFLX", "action": "BUY_TO_COVER", "quantity": "25"},
    {"symbol": "SPY280121C00450500", "action": "BUY", "quantity": "3", "price": "4.2"},
    {"symbol": "SPY280121P00450000", "action": "SELL_SHORT", "quantity": "2"},
]


class Server:
    def __init__(self, address, folder):
        self.address, self.folder, self.token = address, folder, None

    def asks(self, query, variables=None):
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.address}/graphql", body, headers)
        while True:
            try:
                answer = json.load(urllib.request.urlopen(request))
                break
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    raise
                time.sleep(float(error.headers.get("Retry-After", "1")))
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def signs_in(self):
        login = "mutation($i: LoginInput!) { login(input: $i) { session { accessToken } } }"
        answer = self.asks(login, {"i": {"email": EMAIL, "password": PASSWORD}})
        self.token = answer["login"]["session"]["accessToken"]

    def exports(self, mutation, kind, data):
        """Asks for a file, waits for it and takes it away."""
        query = f"""mutation($i: {kind}!) {{ {mutation}(input: $i) {{
            export {{ id }} userErrors {{ code message }} }} }}"""
        payload = self.asks(query, {"i": data})[mutation]
        assert payload["userErrors"] == [], payload
        query = """query($id: ID!) { node(id: $id) { ... on Export {
            status fileName byteSize downloadUrl error } } }"""
        for _ in range(600):
            file = self.asks(query, {"id": payload["export"]["id"]})["node"]
            if file["status"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.3)
        assert file["status"] == "SUCCEEDED", file
        answer = urllib.request.urlopen(self.address + file["downloadUrl"])
        content = answer.read()
        assert len(content) == file["byteSize"], file
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers.get_filename() == file["fileName"]
        if self.folder:
            (self.folder / f"{mutation}-{file['fileName']}").write_bytes(content)
        return content


def same(one, other, decimals=None):
    """Whether two numbers are one, the first rounded as the second is; none is none."""
    if one is None or other in (None, ""):
        return one is None and other in (None, "")
    if decimals is None and isinstance(one, float):
        # The float that is nearest to the decimal that the file has.
        return one == float(other)
    one, other = Decimal(str(one)), Decimal(str(other))
    if decimals is not None:
        # Half a cent may fall either way where a float came between.
        return abs(one - other) <= Decimal(1).scaleb(-decimals) * Decimal("0.500001")
    return one == other


def check(condition, what):
    assert condition, what


def read_book(server, portfolio, graph):
    positions = {(one["symbol"], one["entryDate"]): one for one in graph["positions"]["nodes"]}
    formats = {
        name: server.exports("exportPortfolio", "ExportPortfolioInput",
                             {"portfolioId": portfolio, "format": name})
        for name in ("CSV", "JSON", "XLSX")
    }
    rows = {"CSV": list(csv.DictReader(io.StringIO(formats["CSV"].decode())))}
    told = json.loads(formats["JSON"])
    check(same(graph["valuation"]["totalValue"], told["totalValue"]), "totalValue")
    rows["JSON"] = told["positions"]
    sheet = openpyxl.load_workbook(io.BytesIO(formats["XLSX"]))["Positions"]
    head, *body = sheet.iter_rows(values_only=True)
    rows["XLSX"] = [dict(zip(head, row)) for row in body]
    for name, read in rows.items():
        check(len(read) == len(positions), f"{name}: {len(read)} positions")
        # A workbook's numbers are floats, of fifteen digits.
        decimals = 6 if name == "XLSX" else None
        for row in read:
            day = str(row["entry_date"])[:10]
            own = positions[(row["ticker"], day)]
            sign = -1 if own["type"] in ("SHORT", "SC", "SP") else 1
            valued = own["valuation"]
            greeks = own["greeks"]["position"] or {}
            for column, expected in {
                "quantity": sign * Decimal(own["quantity"]),
                "entry_price": own["entryPrice"],
                "market_price": valued["price"],
                "exposure": valued["exposure"],
                "market_value": valued["marketValue"],
                "unrealized_pnl": valued["unrealizedPnl"],
                "daily_pnl": valued["dailyPnl"],
                "cost_basis": valued["costBasis"],
                "delta": greeks.get("delta"),
                "vega": greeks.get("vega"),
            }.items():
                check(same(expected, row[column], decimals), f"{name} {row['ticker']} {column}")
            share = float(row["weight"])
            check(abs(share - valued["weight"]) < 1e-9, f"{name} {row['ticker']} weight")
            tags = ", ".join(tag["name"] for tag in own["tags"])
            check((row["tags"] or "") == tags, f"{name} {row['ticker']} tags")
            check((row["sector"] or None) == own["instrument"]["sector"], f"{name} sector")
            if name == "XLSX":
                check(isinstance(row["quantity"], (int, float)), "numbers stay numbers")
    return formats["CSV"].decode()


def upload_again(server, text, graph):
    made = server.asks("mutation($i: CreatePortfolioInput!) { createPortfolio(input: $i) { "
                       "portfolio { id } } }", {"i": {"name": f"Again {time.time()}"}})
    again = made["createPortfolio"]["portfolio"]["id"]
    done = server.asks("mutation($i: UploadPositionsInput!) { uploadPositions(input: $i) { "
                       "createdCount rejectedCount rows { code message } } }",
                       {"i": {"portfolioId": again, "csv": text}})["uploadPositions"]
    check(done["rejectedCount"] == 0, done["rows"])

    def plain(nodes):
        return sorted((one["symbol"], one["type"], one["quantity"], one["entryPrice"],
                       one["entryDate"], str(one["tags"])) for one in nodes)

    query = """query($id: ID!) { portfolio(id: $id) { positions(first: 500) { nodes {
        symbol type quantity entryPrice entryDate tags { name } } } } }"""
    nodes = server.asks(query, {"id": again})["portfolio"]["positions"]["nodes"]
    check(plain(nodes) == plain(graph["positions"]["nodes"]), "the same book")


def read_trades(server):
    data = {"trades": TRADES, "account": "FUND-7"}
    files = {
        name: server.exports("exportTrades", "ExportTradesInput", data | {"format": name})
        for name in ("CSV", "JSON", "FIX")
    }
    rows = list(csv.DictReader(io.StringIO(files["CSV"].decode())))
    told = json.loads(files["JSON"])["trades"]
    for read in (rows, told):
        for row, own in zip(read, TRADES, strict=True):
            check(row["symbol"] == own["symbol"] and row["action"] == own["action"], row)
            check(same(own["quantity"], row["quantity"]), row)
            check(same(own.get("price"), row["limit_price"]), row)
            check(row["account"] == "FUND-7", row)

    parser = simplefix.FixParser()
    parser.append_buffer(files["FIX"])
    sides = {"BUY": b"1", "SELL": b"2", "SELL_SHORT": b"5", "BUY_TO_COVER": b"1"}
    messages = []
    while (message := parser.get_message()) is not None:
        messages.append(message)
    for number, (message, own) in enumerate(zip(messages, TRADES, strict=True), 1):
        check(message.get(8) == b"FIX.4.4" and message.get(35) == b"D", message)
        check(message.get(34) == str(number).encode() and message.get(1) == b"FUND-7", message)
        raw = b"".join(tag + b"=" + value + b"\x01" for tag, value in message.pairs)
        body = raw[raw.index(b"\x0135=") + 1 : raw.rindex(b"\x0110=") + 1]
        check(int(message.get(9)) == len(body), "body length")
        total = sum(raw[: raw.rindex(b"\x0110=") + 1]) % 256
        check(message.get(10) == f"{total:03}".encode(), "checksum")
        check(message.encode(raw=True) == raw, "as simplefix would write it")
        option = len(own["symbol"]) > 10
        side = b"2" if option and own["action"] == "SELL_SHORT" else sides[own["action"]]
        check(message.get(54) == side, message)
        check(same(own["quantity"], message.get(38).decode()), message)
        check(message.get(40) == (b"2" if "price" in own else b"1"), message)
        if "price" in own:
            check(same(own["price"], message.get(44).decode()), message)
        check(message.get(167) == (b"OPT" if option else b"CS"), message)
        if option:
            check(message.get(55) == b"SPY" and message.get(541) == b"20280121", message)
            check(message.get(201) == (b"1" if "C0" in own["symbol"] else b"0"), message)
            check(message.get(231) == b"100", message)
    check(len({message.get(11) for message in messages}) == len(TRADES), "ids of their own")
    check(parser.get_buffer() in (b"", None), "nothing is left")


def read_reports(server, portfolio, graph):
    data = {"portfolioId": portfolio}
    files = {
        name: server.exports("generateReport", "GenerateReportInput", data | {"format": name})
        for name in ("JSON", "MARKDOWN", "CSV", "XLSX", "PDF")
    }
    report = json.loads(files["JSON"])
    sections = {section["key"]: section for section in report["sections"]}
    check(len(sections) == 11, sections.keys())
    figures = {
        (section["key"], figure["key"]): figure["value"]
        for section in report["sections"]
        for figure in section["figures"]
    }
    tables = {
        (section["key"], table["key"]): table
        for section in report["sections"]
        for table in section["tables"]
    }
    for (section, key), expected, decimals in [
        (("SUMMARY", "total_value"), graph["valuation"]["totalValue"], 2),
        (("SUMMARY", "daily_pnl"), graph["valuation"]["dailyPnl"], 2),
        (("SUMMARY", "unrealized_pnl"), graph["valuation"]["unrealizedPnl"], 2),
        (("EXPOSURES", "gross_exposure"), graph["exposures"]["grossExposure"], 2),
        (("EXPOSURES", "net_exposure"), graph["exposures"]["netExposure"], 2),
        (("EXPOSURES", "notional"), graph["exposures"]["notional"], 2),
        (("GREEKS", "delta"), graph["greeks"]["total"]["delta"], 4),
        (("GREEKS", "theta"), graph["greeks"]["total"]["theta"], 4),
        (("GREEKS", "delta_dollars"), graph["greeks"]["deltaDollars"], 2),
        (("RISK", "annualized_volatility"), graph["riskMetrics"]["annualizedVolatility"], 4),
        (("RISK", "beta"), graph["riskMetrics"]["beta"], 3),
        (("RISK", "sharpe_ratio"), graph["riskMetrics"]["sharpeRatio"], 3),
        (("RISK", "historical_var95"), graph["riskMetrics"]["historicalVar95"], 2),
        (("RISK", "parametric_var99"), graph["riskMetrics"]["parametricVar99"], 2),
        (("CORRELATIONS", "average_correlation"), graph["correlations"]["averageCorrelation"], 3),
    ]:
        check(same(expected, figures[section, key], decimals), f"{section} {key}")
    stressed = {one["scenario"]["name"]: one["totalPnl"] for one in graph["stressTest"]}
    for row in tables["STRESS", "scenarios"]["rows"]:
        check(same(stressed[row["scenario"]], row["total_pnl"], 2), row)
    for row, own in zip(tables["SCENARIOS", "market_moves"]["rows"], graph["marketScenarios"]):
        check(same(own["pnl"], row["pnl"], 2), row)
    for row, own in zip(tables["FACTORS", "factors"]["rows"], graph["factorExposures"]):
        check(same(own["exposureDollars"], row["exposure_dollars"], 2), row)

    # Every format carries what JSON does.
    positions = tables["POSITIONS", "positions"]["rows"]
    rows = list(csv.DictReader(io.StringIO(files["CSV"].decode())))
    for row, own in zip(rows, positions, strict=True):
        for column, value in own.items():
            if isinstance(value, (int, float)) or column in ("exposure", "price", "daily_pnl"):
                check(same(value, row[column]), f"{row['symbol']} {column}")

    workbook = openpyxl.load_workbook(io.BytesIO(files["XLSX"]))
    check(len(workbook.sheetnames) == 11, workbook.sheetnames)
    charts = sum(len(sheet._charts) for sheet in workbook)
    check(charts >= 6, f"{charts} charts")
    for section in report["sections"]:
        cells = [cell for row in workbook[section["title"]].iter_rows(values_only=True)
                 for cell in row if isinstance(cell, (int, float))]
        numbers = {round(float(cell), 9) for cell in cells}
        for table in section["tables"]:
            for row in table["rows"]:
                for value in row.values():
                    if isinstance(value, (int, float)):
                        check(round(float(value), 9) in numbers, f"{section['key']} {value}")

    markdown = files["MARKDOWN"].decode().replace("\\", "")
    pdf = pypdf.PdfReader(io.BytesIO(files["PDF"]))
    pages = [page.extract_text() for page in pdf.pages]
    text = " ".join(" ".join(pages).split())
    for number, page in enumerate(pages, 1):
        check(f"Page {number} of {len(pages)}" in page, f"page {number}")
        check("Simulated prices" in page, "every page says so")
    for section in report["sections"]:
        check(section["title"] in text, section["title"])
        for figure in section["figures"]:
            check(figure["shown"] in markdown, f"MARKDOWN {figure}")
            if figure["value"] is not None and not isinstance(figure["value"], str) or "," in figure["shown"]:
                check(figure["shown"] in text, f"PDF {figure}")
    for row in tables["STRESS", "scenarios"]["rows"]:
        shown = f"{Decimal(row['total_pnl']).quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
        check(shown in markdown and shown in text, shown)
    print(f"A report of {len(positions)} positions: {len(pages)} pages, {charts} charts in the "
          f"workbook; " + ", ".join(f"{name} {len(file):,} B" for name, file in files.items()))


def main(address, folder=None):
    if folder:
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
    server = Server(address, folder)
    server.signs_in()
    viewer = server.asks("{ viewer { portfolios(first: 1) { nodes { id } } } }")["viewer"]
    portfolio = viewer["portfolios"]["nodes"][0]["id"]
    graph = server.asks(BOOK, {"id": portfolio})["portfolio"]
    text = read_book(server, portfolio, graph)
    upload_again(server, text, graph)
    read_trades(server)
    read_reports(server, portfolio, graph)
    history = server.asks("{ viewer { exports(first: 50) { totalCount nodes { status } } } }")
    check(history["viewer"]["exports"]["totalCount"] >= 11, history)
    print("Every file says what the graph says")


if __name__ == "__main__":
    main(*sys.argv[1:])
