* accelsim bound
.model core_n nmos level=54 version=4.8 vth0=0.34 u0=0.0181 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model core_p pmos level=54 version=4.8 vth0=-0.34 u0=0.0075 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_n nmos level=54 version=4.8 vth0=0.65 u0=0.04 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_p pmos level=54 version=4.8 vth0=-0.65 u0=0.012 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
vdd vdd 0 0.9
vdl dl 0 0
rd0 vdd d0 1000000
md0 d0 dl 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
rd1 vdd d1 100000
md1 d1 dl 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
.control
set num_threads=1
set wr_singlescale
set numdgt=9
dc vdl 0 0.9 0.001
wrdata data.txt v(d0) v(d1)
quit
.endc
.end
